using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>Tells return addresses from other numbers on a stack.</summary>
internal static class ReturnAddress
{
    /// <summary>Bytes of the longest call: a prefix, ff, an address of 6 bytes.</summary>
    private const int CallMax = 8;

    /// <summary>Whether the instruction before an address is a call: what merely looks like an address of code mostly is none.</summary>
    public static bool Is(ref LinuxMemory linux, ulong address)
    {
        if (address < LinuxSymbolsHeader.FunctionBase)
        {
            return false;
        }

        Span<byte> code = stackalloc byte[CallMax];
        if (!linux.TryRead(address - CallMax, code))
        {
            return false;
        }

        if (code[CallMax - 5] == 0xe8)
        {
            return true; // call rel32
        }

        // call r/m64 (ff /2), with a displacement of 0, 1 or 4 bytes, and perhaps a SIB byte; SDM vol. 2, 2.1.5.
        for (int length = 2; length <= 7; length++)
        {
            int at = CallMax - length;
            if (code[at] == 0xff && (code[at + 1] & 0x38) == 0x10 && LengthOfCall(code[at + 1], length > 2 ? code[at + 2] : (byte)0) == length)
            {
                return true;
            }
        }

        return false;
    }

    private static int LengthOfCall(byte form, byte scale)
    {
        int mode = form >> 6;
        bool hasScale = mode != 3 && (form & 7) == 4;
        bool hasWideBase = mode == 0 && ((form & 7) == 5 || (hasScale && (scale & 7) == 5));
        return 2 + (hasScale ? 1 : 0) + (mode == 1 ? 1 : mode == 2 || hasWideBase ? 4 : 0);
    }
}
