using System;
using Sos.Net;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary>The things that the commands have in common which look into Linux's memory.</summary>
internal static class LinuxView
{
    /// <summary>Bytes of what Linux says of its version, at most.</summary>
    public const int BannerMax = 256;

    /// <summary>Bytes of what Linux says of its panic, at most: in JSON each may take six. The log has the rest.</summary>
    public const int PanicWordsMax = 100;

    /// <summary>How long the registers that a CPU stored say where it is.</summary>
    private const ulong LateSeconds = 10;

    private const ulong HundredthsPerOne = 100;
    private const ulong MsPerSecond = 1000;

    /// <summary>Returns whether a command can look at what it needs; if not, it has been said why.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="needed">The values that it cannot do without.</param>
    public static bool IsOpen(ref CommandRun run, params ReadOnlySpan<LinuxField> needed)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        if (!linux.IsThere)
        {
            _ = run.Fail("there is no view of Linux: the service was started without '--grant linux-memory'"u8);
            return false;
        }

        linux.Refresh();
        foreach (LinuxField field in needed)
        {
            if (!linux.Symbols.Has(field))
            {
                _ = run.Fail("this kernel did not tell where that is"u8);
                return false;
            }
        }

        return true;
    }

    /// <summary>Reads where a CPU is, or was at the panic.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="cpu">The CPU.</param>
    /// <param name="registers">Its registers.</param>
    /// <returns>False if it has stored none, or none of late: it has done other things since.</returns>
    public static bool TryReadPlace(ref CommandRun run, uint cpu, out CpuRegistersLayout registers)
    {
        ref ConsoleContext context = ref run.Context;
        return context.Panic.TryReadRegisters(ref context.Linux, cpu, out registers)
            && ((registers.Flags & CpuRegistersLayout.AtPanic) != 0
                || run.Now.Tsc - Math.Min(registers.Tsc, run.Now.Tsc) <= LateSeconds * MsPerSecond * context.TscKhz);
    }

    /// <summary>Reads what Linux says of its version.</summary>
    /// <param name="linux">Linux's memory.</param>
    /// <param name="space">Room for the text.</param>
    /// <returns>The text, without its line's end; empty if there is no view of it.</returns>
    public static ReadOnlySpan<byte> ReadBanner(ref LinuxMemory linux, Span<byte> space)
    {
        ReadOnlySpan<byte> text = linux.IsThere && linux.Symbols.Has(LinuxField.Banner) ? linux.ReadText(linux.Value(LinuxField.Banner), space) : default;
        return text is [.. var line, (byte)'\n'] ? line : text;
    }

    /// <summary>Writes which CPU has panicked, since when and with which words, as far as Linux's memory tells.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="row">The row of the state.</param>
    public static void WritePanic(ref CommandRun run, ref RowWriter row)
    {
        Span<byte> space = stackalloc byte[PanicWordsMax];
        ref LinuxMemory linux = ref run.Context.Linux;
        LinuxPanic panic = run.Context.Panic;
        if (panic.HasPanicked(ref linux, out uint panicked, out ulong tsc))
        {
            row.Number("panic_on_cpu"u8, panicked);
            row.Time("panic_ago_s"u8, Instant.At(run.Now.Tsc - Math.Min(tsc, run.Now.Tsc), run.Context.TscKhz).Ms / MsPerSecond);
            ReadOnlySpan<byte> words = panic.ReadWords(ref linux, space);
            if (!words.IsEmpty)
            {
                row.Text("panic_words"u8, words);
            }
        }
        else if (linux.IsThere && linux.TryReadVariable(LinuxField.PanicCpu, out int cpu) && cpu >= 0)
        {
            row.Number("panic_on_cpu"u8, (ulong)cpu);
        }
    }

    /// <summary>Writes a number with digits behind a point.</summary>
    /// <param name="whole">The part before the point.</param>
    /// <param name="fraction">The part behind it.</param>
    /// <param name="digits">Its digits.</param>
    /// <param name="space">Room for the text.</param>
    public static ReadOnlySpan<byte> Decimal(ulong whole, ulong fraction, int digits, Span<byte> space)
    {
        int start = space.Length;
        for (int i = 0; i < digits; i++, fraction /= 10)
        {
            space[--start] = (byte)('0' + (fraction % 10));
        }

        space[--start] = (byte)'.';
        do
        {
            space[--start] = (byte)('0' + (whole % 10));
            whole /= 10;
        }
        while (whole != 0 && start > 0);
        return space[start..];
    }

    /// <summary>Writes hundredths as a number with two digits behind the point.</summary>
    public static ReadOnlySpan<byte> Hundredths(ulong value, Span<byte> space) => Decimal(value / HundredthsPerOne, value % HundredthsPerOne, 2, space);
}
