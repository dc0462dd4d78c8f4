using System;
using System.Runtime.CompilerServices;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.View;

/// <summary>
/// The record that the driver keeps in Linux's memory: whether Linux has panicked, with which words, and the registers of its CPUs. Whoever can write
/// Linux's memory can write it, so that nothing in it is relied on.
/// </summary>
public readonly struct LinuxPanic
{
    private const ulong CountOffset = 8; // LinuxPanicLayout.CpuCount, and behind it Cpu
    private const ulong TscOffset = 16;

    private readonly ulong _physical; // 0 without a record

    private LinuxPanic(ulong physical) => _physical = physical;

    /// <summary>Whether there is a record.</summary>
    public bool IsThere => _physical != 0;

    /// <summary>Looks for the record.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="physical">Where it is to be.</param>
    /// <returns>A record that is not there, if there is none at that address.</returns>
    public static LinuxPanic Open(ref LinuxMemory memory, ulong physical)
        => memory.IsThere && TryReadNumber(ref memory, physical, out ulong magic) && magic == LinuxPanicLayout.MagicValue ? new LinuxPanic(physical) : default;

    /// <summary>Returns how many CPUs have a place for their registers.</summary>
    public uint CountCpus(ref LinuxMemory memory)
        => IsThere && TryReadNumber(ref memory, _physical + CountOffset, out ulong numbers) ? Math.Min((uint)numbers, CpuMask.CpusMax) : 0;

    /// <summary>Reads whether Linux has panicked.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="cpu">The CPU that did.</param>
    /// <param name="tsc">When.</param>
    public bool HasPanicked(ref LinuxMemory memory, out uint cpu, out ulong tsc)
    {
        cpu = 0;
        tsc = 0;
        if (!IsThere || !TryReadNumber(ref memory, _physical + CountOffset, out ulong numbers) || (int)(numbers >> 32) < 0)
        {
            return false;
        }

        cpu = (uint)(numbers >> 32);
        return TryReadNumber(ref memory, _physical + TscOffset, out tsc);
    }

    /// <summary>Reads the words with which Linux panicked.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="space">Room for them.</param>
    /// <returns>The first line of them; empty as long as Linux has not told them.</returns>
    public ReadOnlySpan<byte> ReadWords(ref LinuxMemory memory, Span<byte> space)
    {
        space = space[..Math.Min(space.Length, LinuxPanicLayout.WordsSize)];
        if (!IsThere || !memory.TryReadPhysical(_physical + LinuxPanicLayout.WordsOffset, space))
        {
            return default;
        }

        int length = 0;
        while (length < space.Length && space[length] is not (0 or (byte)'\n'))
        {
            length++;
        }

        return space[..length];
    }

    /// <summary>Reads the registers of a CPU.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="cpu">The CPU.</param>
    /// <param name="registers">The registers.</param>
    /// <returns>False if it has stored none, or does so right now.</returns>
    public bool TryReadRegisters(ref LinuxMemory memory, uint cpu, out CpuRegistersLayout registers)
    {
        Span<byte> bytes = stackalloc byte[CpuRegistersLayout.Size];
        registers = default;
        if (!IsThere || !TryReadNumber(ref memory, _physical + CountOffset, out ulong numbers) || cpu >= (uint)numbers)
        {
            return false;
        }

        ulong place = _physical + LinuxPanicLayout.HeaderSize + ((ulong)cpu * CpuRegistersLayout.Size);
        if (!TryReadNumber(ref memory, place, out ulong before) || !memory.TryReadPhysical(place, bytes)
            || !TryReadNumber(ref memory, place, out ulong after) || (uint)before != (uint)after || (uint)before is 0 || ((uint)before & 1) != 0)
        {
            return false;
        }

        registers = Unsafe.ReadUnaligned<CpuRegistersLayout>(ref bytes[0]);
        return registers.Sequence == (uint)before;
    }

    private static bool TryReadNumber(ref LinuxMemory memory, ulong physical, out ulong value)
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        bool isRead = memory.TryReadPhysical(physical, bytes);
        value = isRead ? Unsafe.ReadUnaligned<ulong>(ref bytes[0]) : 0;
        return isRead;
    }
}
