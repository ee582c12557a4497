/*
 * Stored numbers, byte by byte: structs are never written as they lie in memory. be = most significant byte first, le = least.
 */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint32_t bytes_get_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline void bytes_put_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t bytes_get_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void bytes_put_be64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

static inline double bytes_get_be_double(const void *p)
{
	uint64_t bits = bytes_get_be64(p);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline void bytes_put_be_double(void *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bytes_put_be64(p, bits);
}

static inline float bytes_get_be_float(const void *p)
{
	uint32_t bits = bytes_get_be32(p);
	float v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline void bytes_put_be_float(void *p, float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bytes_put_be32(p, bits);
}

static inline uint32_t bytes_get_le32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline void bytes_put_le32(void *p, uint32_t v)
{
	v = htole32(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint16_t bytes_get_le16(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline void bytes_put_le16(void *p, uint16_t v)
{
	v = htole16(v);
	memcpy(p, &v, sizeof(v));
}

static inline uint64_t bytes_get_le64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

static inline void bytes_put_le64(void *p, uint64_t v)
{
	v = htole64(v);
	memcpy(p, &v, sizeof(v));
}

static inline double bytes_get_le_double(const void *p)
{
	uint64_t bits = bytes_get_le64(p);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

static inline void bytes_put_le_double(void *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	bytes_put_le64(p, bits);
}

#endif
