/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The small devices, each a function or two for a table of the bus (devices/bus.h) and the
 * state behind them. The serial ports have a header of their own.
 */
#ifndef RING1_DEVICES_H
#define RING1_DEVICES_H

#include <stdint.h>

/* i8042.c: one port, without state */
uint64_t i8042_read(void *dev, uint64_t offset, unsigned int size);
void i8042_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);

/* pm.c: three blocks of ACPI's registers and the reset register; those of PM1 share a struct pm */
struct pm {
	uint16_t enable;
};

uint64_t pm1_event_read(void *dev, uint64_t offset, unsigned int size);
void pm1_event_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);
uint64_t pm1_control_read(void *dev, uint64_t offset, unsigned int size);
void pm1_control_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);
uint64_t pm_timer_read(void *dev, uint64_t offset, unsigned int size);
uint64_t reset_read(void *dev, uint64_t offset, unsigned int size);
void reset_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);

/* rtc.c: guests read index and data under a lock of their own, so this has none */
struct rtc {
	uint8_t index;
};

#define RTC_PORTS		2	/* index, data */

uint64_t rtc_read(void *dev, uint64_t offset, unsigned int size);
void rtc_write(void *dev, uint64_t offset, unsigned int size, uint64_t val);

#endif
