// SPDX-License-Identifier: GPL-2.0-only
/*
 * A CMOS clock that can only be read: a guest without kvmclock takes its time
 * of day from here, and would wait a second for an update that never ends if
 * the registers read all ones. No alarm, no interrupt, no memory, which is
 * why the FADT denies that it exists.
 */
#include <time.h>

#include "devices/bus.h"
#include "machine/layout.h"

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

/* Guests read index and data under a lock of their own. */
static uint8_t rtc_index;

static uint8_t bcd(int n)
{
	return n / 10 << 4 | n % 10;
}

static uint8_t read_register(void)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	switch (rtc_index) {
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

uint32_t rtc_read(unsigned int port)
{
	return ALL_ONES << 8 | (port == PORT_RTC_DATA ? read_register() : 0xff);
}

void rtc_write(unsigned int port, uint32_t val)
{
	if (port == PORT_RTC_INDEX)
		rtc_index = val & INDEX_MASK;
}
