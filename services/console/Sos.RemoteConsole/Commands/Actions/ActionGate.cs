using System;
using Sos.Sdk.Control;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary>The things that commands have in common which act on the machine: whether an action was granted, is meant, and was taken.</summary>
internal static class ActionGate
{
    /// <summary>Numbers of the command's memory that are used here: the last three.</summary>
    private const int Asked = CommandState.NumbersMax - 1;
    private const int Begun = CommandState.NumbersMax - 2;
    private const int Since = CommandState.NumbersMax - 3;

    /// <summary>Whether a word is the one that says "yes" in advance.</summary>
    public static bool IsYes(ReadOnlySpan<byte> word) => word.SequenceEqual("--yes"u8);

    /// <summary>Returns whether an action was granted; if not, it has been said what to do.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="action">The action.</param>
    /// <param name="grant">The grant's name.</param>
    public static bool IsGranted(ref CommandRun run, ServiceAction action, ReadOnlySpan<byte> grant)
    {
        if (run.Context.Actions.Has(action))
        {
            return true;
        }

        run.Output.Write("not granted: start the service on an unplugged core with '--grant "u8);
        run.Output.Write(grant);
        _ = run.Fail("', beside what else is granted there"u8);
        return false;
    }

    /// <summary>Asks the visitor once whether it is meant.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="isSure">Whether that was said in advance.</param>
    /// <param name="question">What will happen.</param>
    /// <param name="progress">How the command goes on if the visitor does not mean it, or has yet to say so.</param>
    /// <returns>Whether it is meant.</returns>
    public static bool IsMeant(ref CommandRun run, bool isSure, ReadOnlySpan<byte> question, out CommandProgress progress)
    {
        progress = CommandProgress.Asks;
        if (isSure || run.State.Kept[Begun] != 0)
        {
            return true;
        }

        if (run.State.Kept[Asked] == 0)
        {
            run.State.Kept[Asked] = 1;
            run.Output.Write(question);
            run.Output.Write(" Type yes if you mean it: "u8);
            return false;
        }

        if (run.Answer.SequenceEqual("yes"u8))
        {
            return true;
        }

        progress = run.Fail("not done, since nobody typed yes; without a terminal, --yes says so"u8);
        return false;
    }

    /// <summary>Whether the action has begun.</summary>
    public static bool HasBegun(in CommandRun run) => run.State.Kept[Begun] != 0;

    /// <summary>Whether the action begins with this step: true once.</summary>
    public static bool Begins(ref CommandRun run, ReadOnlySpan<byte> logged)
    {
        if (run.State.Kept[Begun] != 0)
        {
            return false;
        }

        run.State.Kept[Begun] = 1;
        run.State.Kept[Since] = run.Now.Ms;
        run.Context.LogVisitor(LogSeverity.Warning, logged, run.Visitor);
        return true;
    }

    /// <summary>Milliseconds since the action began.</summary>
    public static ulong ElapsedMs(in CommandRun run) => run.Now.Ms - run.State.Kept[Since];

    /// <summary>Says why nothing was done.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="answer">The gate's answer.</param>
    public static CommandProgress Refuse(ref CommandRun run, long answer) => answer switch
    {
        ActionAnswer.NotGranted => run.Fail("the monitor says that it was not granted: start the service anew with the driver of this version"u8),
        ActionAnswer.Busy => run.Fail("Linux has not taken what it was asked for before"u8),
        ActionAnswer.NoDevice => run.Fail("that is no CPU of Linux's, or not one that can be had ('cpus' lists them), or Linux has panicked"u8),
        _ => run.Fail("the monitor does not know that argument"u8, CommandRun.Usage),
    };

    /// <summary>Asks Linux to do something.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="action">The action.</param>
    /// <param name="argument">Its argument.</param>
    public static CommandProgress AskLinux(ref CommandRun run, ServiceAction action, ulong argument)
    {
        long answer = Gate.Act(action, argument);
        if (answer != 0)
        {
            return Refuse(ref run, answer);
        }

        run.Context.BeginRequest(run.Now);
        return CommandProgress.Waiting;
    }

    /// <summary>Waits until Linux has taken what it was asked for, or it was withdrawn.</summary>
    /// <param name="run">The command's step.</param>
    /// <param name="taken">What to say when it has.</param>
    public static CommandProgress AwaitLinux(ref CommandRun run, ReadOnlySpan<byte> taken)
    {
        switch (run.Context.Request)
        {
            case LinuxRequest.Waits:
                return CommandProgress.Waiting;
            case LinuxRequest.Withdrawn:
                return run.Fail(
                    "Linux did not take it within 3 seconds, and it was withdrawn: Linux takes no interrupts; 'crash' and 'reboot' do without them"u8);
            default:
                run.Output.WriteLine(taken);
                return CommandProgress.Done;
        }
    }

    /// <summary>Returns whether Linux can be seen to have panicked, after which no CPU of its gets an NMI of ours; if so, that has been said.</summary>
    /// <param name="run">The command's step.</param>
    public static bool IsTooLate(ref CommandRun run)
    {
        bool hasPanicked = run.Context.Panic.HasPanicked(ref run.Context.Linux, out _, out _);
        if (hasPanicked)
        {
            _ = run.Fail("Linux has panicked already: 'status' has its words, 'cpus --registers' the registers of all CPUs"u8);
        }

        return hasPanicked;
    }
}
