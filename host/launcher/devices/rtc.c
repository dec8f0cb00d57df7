// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CMOS clock that can only be read: a guest without kvmclock takes its time
 * of day from here, and would wait a second for an update that never ends if
 * the registers read all ones. No alarm, no interrupt, no memory, which is
 * why the FADT denies that it exists.
 */
#include <time.h>

#include "devices/bus.h"
#include "devices/devices.h"

enum rtc_port { PORT_INDEX, PORT_DATA };

enum rtc_register {
	RTC_SECONDS = 0x00,
	RTC_MINUTES = 0x02,
	RTC_HOURS = 0x04,
	RTC_WEEKDAY = 0x06,
	RTC_DAY = 0x07,
	RTC_MONTH = 0x08,
	RTC_YEAR = 0x09,
	RTC_STATUS_B = 0x0b,
	RTC_STATUS_D = 0x0d,
	RTC_CENTURY = 0x32,
};

#define INDEX_MASK	0x7f	/* the top bit masks NMIs on a PC */
#define B_24_HOURS	0x02	/* and, with the other bits clear, BCD */
#define D_VALID		0x80

static uint8_t bcd(int n)
{
	return n / 10 << 4 | n % 10;
}

static uint8_t read_register(const struct rtc *rtc)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (rtc->index) {
	case RTC_SECONDS:
		return bcd(tm.tm_sec);
	case RTC_MINUTES:
		return bcd(tm.tm_min);
	case RTC_HOURS:
		return bcd(tm.tm_hour);
	case RTC_WEEKDAY:
		return bcd(tm.tm_wday + 1);
	case RTC_DAY:
		return bcd(tm.tm_mday);
	case RTC_MONTH:
		return bcd(tm.tm_mon + 1);
	case RTC_YEAR:
		return bcd(tm.tm_year % 100);
	case RTC_CENTURY:
		return bcd(19 + tm.tm_year / 100);
	case RTC_STATUS_B:
		return B_24_HOURS;
	case RTC_STATUS_D:
		return D_VALID;
	default:
		return 0;
	}
}

uint64_t rtc_read(void *dev, uint64_t offset, unsigned int size)
{
	(void)size;
	return BUS_BYTE(offset == PORT_DATA ? read_register(dev) : 0xff);
}

void rtc_write(void *dev, uint64_t offset, unsigned int size, uint64_t val)
{
	struct rtc *rtc = dev;

	(void)size;
	if (offset == PORT_INDEX)
		rtc->index = val & INDEX_MASK;
}
