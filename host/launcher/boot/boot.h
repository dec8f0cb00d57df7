/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Constants of Linux's x86 boot protocol that the kernel's exported headers
 * lack: what marks a boot header, and the selectors at the 64-bit entry.
 */
#ifndef RING1_BOOT_H
#define RING1_BOOT_H

#define BOOT_FLAG		0xaa55
#define BOOT_HEADER_MAGIC	0x53726448	/* "HdrS" */

#define BOOT_CS			0x10
#define BOOT_DS			0x18
#define BOOT_GDT_SIZE		0x20

#endif
