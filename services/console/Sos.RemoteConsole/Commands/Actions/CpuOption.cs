using System;
using Sos.RemoteConsole.Commands.Linux;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary>The arguments of what is done to one of Linux's CPUs: its number, and options.</summary>
internal struct CpuOption
{
    /// <summary>CPUs beyond cannot be had: the driver has places for 1,000.</summary>
    private const ulong CpusMax = 1000;

    /// <summary>The CPU; 0 if none was named.</summary>
    public uint Cpu;

    /// <summary>Whether one was named.</summary>
    public bool HasCpu;

    /// <summary>Whether <c>--yes</c> was given.</summary>
    public bool IsSure;

    /// <summary>Whether the command's own option was given.</summary>
    public bool HasOption;

    /// <summary>Reads them.</summary>
    /// <param name="arguments">The arguments.</param>
    /// <param name="option">The command's own option; empty for none.</param>
    /// <param name="read">What they say.</param>
    /// <returns>Whether they can be.</returns>
    public static bool TryRead(ReadOnlySpan<byte> arguments, ReadOnlySpan<byte> option, out CpuOption read)
    {
        read = default;
        Words words = new(arguments);
        for (ReadOnlySpan<byte> word = words.Take(); !word.IsEmpty; word = words.Take())
        {
            if (ActionGate.IsYes(word))
            {
                read.IsSure = true;
            }
            else if (!option.IsEmpty && word.SequenceEqual(option))
            {
                read.HasOption = true;
            }
            else if (!read.HasCpu && Words.TryReadNumber(word, out ulong cpu) && cpu < CpusMax)
            {
                read.HasCpu = true;
                read.Cpu = (uint)cpu;
            }
            else
            {
                return false;
            }
        }

        return true;
    }
}
