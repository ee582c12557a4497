#include "wire/quotes.h"

#include <endian.h>
#include <stdatomic.h>

#include "base/rc.h"
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* What one block of QUOTES_BLOCK bytes holds. Bit i stands for byte i. */
struct block {
	uint64_t quotes;
	unsigned n_backslashes;
	bool slash, odd;
};

static const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);

/* 0x80 in every byte of x that is zero, and nowhere else: no borrow leaves its byte. */
static inline uint64_t zero_bytes(uint64_t x)
{
	return ~(((x & ~tops) + ~tops) | x | ~tops);
}

static inline uint64_t equal_bytes(uint64_t x, char c)
{
	return zero_bytes(x ^ (ones * (unsigned char)c));
}

/* The tops of the bytes as eight bits, and how many are set. */
static inline uint64_t gather(uint64_t hits)
{
	return (hits >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

static inline unsigned count(uint64_t hits)
{
	return (unsigned)((hits >> 7) * ones >> 56);
}

static inline void look_plain(const char *p, struct block *b)
{
	uint64_t slashes = 0, odd = 0;

	*b = (struct block){ 0 };
	for (unsigned i = 0; i < QUOTES_BLOCK; i += 8) {
		uint64_t x;

		memcpy(&x, p + i, 8);
		x = le64toh(x);
		b->quotes |= gather(equal_bytes(x, '"')) << i;
		b->n_backslashes += count(equal_bytes(x, '\\'));
		slashes |= equal_bytes(x, '/');
		/* above ASCII, below blank (no bit of 0x60), or 0x7F */
		odd |= x | equal_bytes(x & (ones * 0x60), 0) | equal_bytes(x, 0x7F);
	}
	b->slash = slashes != 0;
	b->odd = (odd & tops) != 0;
}

/*
 * Every index is this loop around one look. The last block is filled up with blanks.
 */
#define DEFINE_INDEX(name, attribute, look)                                                                            \
	attribute static bool name(struct text t, struct quotes *out)                                                  \
	{                                                                                                              \
		size_t n_quotes = 0, n_backslashes = 0;                                                                \
		bool slash = false;                                                                                    \
		char last[QUOTES_BLOCK];                                                                               \
                                                                                                                       \
		if (t.n > QUOTES_MAX_BYTES)                                                                            \
			return false;                                                                                  \
		for (size_t i = 0; i < t.n; i += QUOTES_BLOCK) {                                                       \
			const char *p = t.s + i;                                                                       \
			struct block b;                                                                                \
			uint64_t hits;                                                                                 \
			size_t n;                                                                                      \
                                                                                                                       \
			if (t.n - i < QUOTES_BLOCK) {                                                                  \
				memset(last, ' ', sizeof(last));                                                       \
				memcpy(last, p, t.n - i);                                                              \
				p = last;                                                                              \
			}                                                                                              \
			look(p, &b);                                                                                   \
			if (b.odd || n_quotes > QUOTES_MAX)                                                            \
				return false;                                                                          \
			slash |= b.slash;                                                                              \
			n_backslashes += b.n_backslashes;                                                              \
			hits = b.quotes;                                                                               \
			for (n = n_quotes; hits != 0; hits &= hits - 1)                                                \
				out->at[n++] = (uint16_t)(i + (unsigned)__builtin_ctzll(hits));                        \
			n_quotes = n;                                                                                  \
		}                                                                                                      \
		out->n = n_quotes;                                                                                     \
		out->n_backslashes = n_backslashes;                                                                    \
		out->slash = slash;                                                                                    \
		return n_quotes <= QUOTES_MAX;                                                                         \
	}

#define NO_ATTRIBUTE
DEFINE_INDEX(index_plain, NO_ATTRIBUTE, look_plain)

#ifdef __x86_64__
static inline void look_sse2(const char *p, struct block *b)
{
	__m128i slashes = _mm_setzero_si128(), odd = _mm_setzero_si128(), backslashes = _mm_setzero_si128(), sums;

	b->quotes = 0;
	for (unsigned i = 0; i < QUOTES_BLOCK; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
		__m128i quotes = _mm_cmpeq_epi8(x, _mm_set1_epi8('"'));

		b->quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(quotes) << i;
		backslashes = _mm_sub_epi8(backslashes, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
		slashes = _mm_or_si128(slashes, _mm_cmpeq_epi8(x, _mm_set1_epi8('/')));
		/* signed: what is above ASCII is below blank too */
		odd = _mm_or_si128(odd, _mm_or_si128(_mm_cmplt_epi8(x, _mm_set1_epi8(0x20)),
						     _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7F))));
	}
	sums = _mm_sad_epu8(backslashes, _mm_setzero_si128());
	b->n_backslashes = (unsigned)_mm_cvtsi128_si32(sums) + (unsigned)_mm_extract_epi16(sums, 4);
	b->slash = _mm_movemask_epi8(slashes) != 0;
	b->odd = _mm_movemask_epi8(odd) != 0;
}

DEFINE_INDEX(index_sse2, NO_ATTRIBUTE, look_sse2)

/* AVX-512 was tried: no faster than this. */
#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

AVX2 static inline uint64_t mask_avx2(__m256i low, __m256i high)
{
	return (uint64_t)(unsigned)_mm256_movemask_epi8(low) | (uint64_t)(unsigned)_mm256_movemask_epi8(high) << 32;
}

AVX2 static inline void look_avx2(const char *p, struct block *b)
{
	const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\'), slash = _mm256_set1_epi8('/'),
		      blank = _mm256_set1_epi8(0x20), del = _mm256_set1_epi8(0x7F);
	__m256i x = _mm256_loadu_si256((const __m256i *)(const void *)p),
		y = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32)), odd, slashes;

	b->quotes = mask_avx2(_mm256_cmpeq_epi8(x, quote), _mm256_cmpeq_epi8(y, quote));
	b->n_backslashes = (unsigned)__builtin_popcountll(
		mask_avx2(_mm256_cmpeq_epi8(x, backslash), _mm256_cmpeq_epi8(y, backslash)));
	slashes = _mm256_or_si256(_mm256_cmpeq_epi8(x, slash), _mm256_cmpeq_epi8(y, slash));
	odd = _mm256_or_si256(_mm256_or_si256(_mm256_cmpgt_epi8(blank, x), _mm256_cmpgt_epi8(blank, y)),
			      _mm256_or_si256(_mm256_cmpeq_epi8(x, del), _mm256_cmpeq_epi8(y, del)));
	b->slash = !_mm256_testz_si256(slashes, slashes);
	b->odd = !_mm256_testz_si256(odd, odd);
}

DEFINE_INDEX(index_avx2, AVX2, look_avx2)

#endif

size_t quotes_variants(const char *name[QUOTES_VARIANTS], quotes_fn fn[QUOTES_VARIANTS])
{
	size_t n = 0;

	name[n] = "plain";
	fn[n++] = index_plain;
#ifdef __x86_64__
	name[n] = "sse2";
	fn[n++] = index_sse2;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt")) {
		name[n] = "avx2";
		fn[n++] = index_avx2;
	}
#endif
	return n;
}

quotes_fn quotes_best(void)
{
	static _Atomic(quotes_fn) chosen;
	quotes_fn best = atomic_load_explicit(&chosen, memory_order_relaxed), fn[QUOTES_VARIANTS] = { NULL };
	const char *name[QUOTES_VARIANTS];

	if (best == NULL) {
		size_t n = quotes_variants(name, fn);

		best = fn[n - 1];
		atomic_store_explicit(&chosen, best, memory_order_relaxed);
	}
	return best;
}
