using System;
using Sos.RemoteConsole.Commands.Linux;
using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>reboot</c>: resets the machine, without Linux.</summary>
internal readonly struct RebootCommand : ICommand
{
    /// <summary>Milliseconds in which what was written reaches the visitor.</summary>
    public const ulong TellMs = 300;

    /// <summary>How long a machine that was told to reset is waited for.</summary>
    private const ulong ResetMs = 2000;

    private const int Tried = 0;
    private const int At = 1;

    private enum Phase : byte
    {
        Tell = 0,
        Try,
        Wait,
    }

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

    /// <summary>The methods in the order in which they are tried, as Linux does it in an emergency: the firmware's wish first, the rudest last.</summary>
    private static ReadOnlySpan<byte> Order => [(byte)ResetMethod.Acpi, (byte)ResetMethod.Keyboard, (byte)ResetMethod.Cf9, (byte)ResetMethod.Triple];

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

        if (!ActionGate.IsMeant(ref run, isSure, "The machine is reset, and what Linux has not written to its disks is lost."u8, out CommandProgress progress))
        {
            return progress;
        }

        if (ActionGate.Begins(ref run, "console: reboot asked for by "u8))
        {
            run.Output.WriteLine("the machine is reset now; this connection ends with it"u8);
            return CommandProgress.More;
        }

        return Go(ref run, method);
    }

    private static CommandProgress Go(ref CommandRun run, ReadOnlySpan<byte> method)
    {
        switch ((Phase)run.State.Step)
        {
            case Phase.Tell:
                run.State.Step = (ulong)(ActionGate.ElapsedMs(in run) < TellMs ? Phase.Tell : Phase.Try);
                return CommandProgress.Waiting;
            case Phase.Wait:
                run.State.Step = (ulong)(run.Now.Ms - run.State.Kept[At] < ResetMs ? Phase.Wait : Phase.Try);
                return CommandProgress.Waiting;
        }

        if (!TryTakeNext(ref run, method, out ResetMethod next))
        {
            return run.Fail(method.IsEmpty
                ? "the machine was not reset by any method: it needs its power switch"u8
                : "the machine was not reset by that method: try another"u8);
        }

        long answer = Gate.Act(ServiceAction.Reset, (ulong)next);
        if (answer != ActionAnswer.NotReset)
        {
            return ActionGate.Refuse(ref run, answer);
        }

        run.State.Kept[At] = run.Now.Ms;
        run.State.Step = (ulong)Phase.Wait;
        return CommandProgress.Waiting;
    }

    private static bool TryTakeNext(ref CommandRun run, ReadOnlySpan<byte> method, out ResetMethod next)
    {
        ref ulong tried = ref run.State.Kept[Tried];
        if (!method.IsEmpty)
        {
            return TryFind(method, out next) && tried++ == 0;
        }

        while (tried < (ulong)Order.Length)
        {
            next = (ResetMethod)Order[(int)tried++];
            if (run.Context.Actions.Has(next))
            {
                return true;
            }
        }

        next = default;
        return false;
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
