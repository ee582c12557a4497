/*
 * CRC-32C (Castagnoli, reflected polynomial 0x82f63b78): the checksum of iSCSI and ext4. By the processor's own
 * instruction where it has one, chosen at run time; else by tables. Both give the same.
 *
 * Source   RFC 3720 B.4 (test vectors)
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Go on from `crc`, 0 at the start: crc32c(crc32c(0, a), b) is the checksum of a followed by b. Threads: any. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n);
/* The twin without instructions: for machines without them, and for tests. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t n);

#endif
