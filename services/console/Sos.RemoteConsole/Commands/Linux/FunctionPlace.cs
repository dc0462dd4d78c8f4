using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>A place in one of Linux's functions as text, as in "schedule+0x15".</summary>
internal static class FunctionPlace
{
    /// <summary>Bytes of the text at most; longer names are cut.</summary>
    public const int SizeMax = 64;

    private const int OffsetDigitsMax = 16;

    /// <summary>Writes it.</summary>
    /// <param name="linux">Linux's memory.</param>
    /// <param name="address">The place.</param>
    /// <param name="space">Room for <see cref="SizeMax"/> bytes.</param>
    /// <returns>Bytes of the text; 0 if the address is in no function that has a name.</returns>
    public static int Write(ref LinuxMemory linux, ulong address, Span<byte> space)
    {
        if (!linux.Symbols.TryFindFunction(address, out ReadOnlySpan<byte> name, out ulong offset))
        {
            return 0;
        }

        ReadOnlySpan<byte> sign = "+0x"u8;
        int length = Math.Min(name.Length, SizeMax - sign.Length - OffsetDigitsMax);
        name[..length].CopyTo(space);
        sign.CopyTo(space[length..]);
        length += sign.Length;
        bool hasBegun = false;
        for (int shift = 60; shift >= 0; shift -= 4)
        {
            int digit = (int)(offset >> shift) & 15;
            hasBegun |= digit != 0 || shift == 0;
            if (hasBegun)
            {
                space[length++] = (byte)(digit < 10 ? '0' + digit : 'a' + digit - 10);
            }
        }

        return length;
    }
}
