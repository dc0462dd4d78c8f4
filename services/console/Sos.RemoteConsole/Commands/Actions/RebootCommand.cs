using System;
using Sos.RemoteConsole.Commands.Linux;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>reboot</c>: resets the machine, without Linux.</summary>
internal readonly struct RebootCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "reboot"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--method acpi|cf9|kbd|triple] [--yes]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "resets the machine without Linux, by that method or by one after the other"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        if (!TryReadOptions(run.Arguments, out ReadOnlySpan<byte> method, out bool isSure))
        {
            return run.Fail("reboot takes --method with acpi, cf9, kbd or triple, and --yes"u8, CommandRun.Usage);
        }

        if (method.SequenceEqual("efi"u8))
        {
            return run.Fail(
                "efi cannot be had: EFI's reset runs on Linux's page tables and under Linux's lock, which a dead Linux may hold; take another method"u8);
        }

        if (!method.IsEmpty && !TryFind(method, out _))
        {
            return run.Fail("there is no such method: acpi, cf9, kbd and triple are"u8, CommandRun.Usage);
        }

        if (!ActionGate.IsGranted(ref run, ServiceAction.Reset, "reboot"u8))
        {
            return CommandProgress.Done;
        }

        if (TryFind(method, out ResetMethod wanted) && !run.Context.Actions.Has(wanted))
        {
            return run.Fail("this machine's firmware names no reset register (ACPI's FADT): take cf9, kbd or triple"u8);
        }

        if (run.Context.Reset.IsBegun && !ActionGate.HasBegun(in run))
        {
            return run.Fail("somebody else resets the machine right now"u8);
        }

        if (!ActionGate.IsMeant(ref run, isSure, "The machine is reset, and what Linux has not written to its disks is lost."u8, out CommandProgress progress))
        {
            return progress;
        }

        if (ActionGate.Begins(ref run, "console: reboot asked for by "u8))
        {
            Begin(ref run, method);
        }

        // The connection ends before the machine does, and with it this command.
        return CommandProgress.Waiting;
    }

    private static void Begin(ref CommandRun run, ReadOnlySpan<byte> method)
    {
        run.Output.WriteLine("the machine is reset now, and all connections end; if it is not, log in again: 'log' says why"u8);
        if (TryFind(method, out ResetMethod wanted))
        {
            run.Context.Reset.Begin(wanted, run.Now);
        }
        else
        {
            run.Context.Reset.Begin(run.Now);
        }
    }

    private static bool TryFind(ReadOnlySpan<byte> name, out ResetMethod method)
    {
        method = name.SequenceEqual("cf9"u8) ? ResetMethod.Cf9
            : name.SequenceEqual("kbd"u8) ? ResetMethod.Keyboard
            : name.SequenceEqual("triple"u8) ? ResetMethod.Triple
            : ResetMethod.Acpi;
        return method != ResetMethod.Acpi || name.SequenceEqual("acpi"u8);
    }

    private static bool TryReadOptions(ReadOnlySpan<byte> arguments, out ReadOnlySpan<byte> method, out bool isSure)
    {
        method = default;
        isSure = false;
        Words words = new(arguments);
        for (ReadOnlySpan<byte> word = words.Take(); !word.IsEmpty; word = words.Take())
        {
            if (ActionGate.IsYes(word))
            {
                isSure = true;
                continue;
            }

            ReadOnlySpan<byte> value = method.IsEmpty && word.SequenceEqual("--method"u8) ? words.Take() : default;
            if (value.IsEmpty)
            {
                return false;
            }

            method = value;
        }

        return true;
    }
}
