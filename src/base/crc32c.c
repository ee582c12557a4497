#include "base/crc32c.h"

#include <endian.h>
#include <stdbool.h>
#include <string.h>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

enum { POLYNOMIAL_BITS = 32, STRETCH = 1024 };

/* by_byte[k][b]: what byte b does to the checksum when k bytes follow it; shifted[k]: STRETCH zero bytes behind byte k. */
static uint32_t by_byte[8][256], shifted[4][256];
static bool by_instruction;

static uint64_t load_le64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static uint32_t by_table(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v = load_le64(p) ^ crc;

		crc = 0;
		for (int k = 0; k < 8; k++)
			crc ^= by_byte[7 - k][(v >> (8 * k)) & 0xff];
	}
	for (; n > 0; n--)
		crc = (crc >> 8) ^ by_byte[0][(crc ^ *p++) & 0xff];
	return crc;
}

#if defined(__x86_64__)
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))
#define STEP_64(crc, v) (uint32_t) __builtin_ia32_crc32di(crc, v)
#define STEP_8(crc, v) __builtin_ia32_crc32qi(crc, v)

static bool has_instruction(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("sse4.2") != 0;
}
#elif defined(__aarch64__)
#define WITH_INSTRUCTION

static inline uint32_t step_64(uint32_t crc, uint64_t v)
{
	__asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(v));
	return crc;
}

static inline uint32_t step_8(uint32_t crc, unsigned char v)
{
	__asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"((uint32_t)v));
	return crc;
}
#define STEP_64(crc, v) step_64(crc, v)
#define STEP_8(crc, v) step_8(crc, v)

static bool has_instruction(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}
#else
static bool has_instruction(void)
{
	return false;
}
#endif

#if defined(STEP_64)
static uint32_t shift(uint32_t crc)
{
	return shifted[0][crc & 0xff] ^ shifted[1][(crc >> 8) & 0xff] ^ shifted[2][(crc >> 16) & 0xff] ^
	       shifted[3][crc >> 24];
}

/* The instruction takes three cycles but one can start each cycle: three stretches side by side, joined afterwards. */
WITH_INSTRUCTION static uint32_t by_steps(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n >= 3 * STRETCH; n -= 3 * STRETCH, p += 3 * STRETCH) {
		uint32_t second = 0, third = 0;

		for (size_t i = 0; i < STRETCH; i += 8) {
			crc = STEP_64(crc, load_le64(p + i));
			second = STEP_64(second, load_le64(p + STRETCH + i));
			third = STEP_64(third, load_le64(p + 2 * STRETCH + i));
		}
		crc = shift(shift(crc) ^ second) ^ third;
	}
	for (; n >= 8; n -= 8, p += 8)
		crc = STEP_64(crc, load_le64(p));
	for (; n > 0; n--)
		crc = STEP_8(crc, *p++);
	return crc;
}
#else
static uint32_t by_steps(uint32_t crc, const unsigned char *p, size_t n)
{
	return by_table(crc, p, n);
}
#endif

__attribute__((constructor)) static void make_tables(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t crc = b;

		for (int k = 0; k < 8; k++)
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
		by_byte[0][b] = crc;
	}
	for (uint32_t b = 0; b < 256; b++)
		for (int k = 1; k < 8; k++)
			by_byte[k][b] = (by_byte[k - 1][b] >> 8) ^ by_byte[0][by_byte[k - 1][b] & 0xff];
	for (uint32_t bit = 0; bit < POLYNOMIAL_BITS; bit++) {
		uint32_t crc = 1U << bit;

		for (int i = 0; i < STRETCH; i++)
			crc = (crc >> 8) ^ by_byte[0][crc & 0xff];
		for (uint32_t b = 0; b < 256; b++)
			if ((b >> (bit % 8) & 1) != 0)
				shifted[bit / 8][b] ^= crc;
	}
	by_instruction = has_instruction();
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t n)
{
	return ~(by_instruction ? by_steps(~crc, bytes, n) : by_table(~crc, bytes, n));
}

uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t n)
{
	return ~by_table(~crc, bytes, n);
}
