/* The Go runtime calls ProcessPrng of bcryptprimitives.dll, which the wine of Debian 12
   lacks. Wine has the same function under an older name. Only .ci/wine uses this DLL. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length); /* RtlGenRandom */

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
	return SystemFunction036(buffer, (ULONG)length);
}
