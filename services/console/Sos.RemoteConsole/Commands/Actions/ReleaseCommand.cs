using System;
using Sos.Sdk.Control;

namespace Sos.RemoteConsole.Commands.Actions;

/// <summary><c>release</c>: gives the core back to Linux, and with it the console ends.</summary>
internal readonly struct ReleaseCommand : ICommand
{
    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "release"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => "[--yes]"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "gives this core and its card back to Linux, while it lives; the console ends"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Text;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        bool isSure = ActionGate.IsYes(run.Arguments);
        if (!isSure && !run.Arguments.IsEmpty)
        {
            return run.Fail("release takes --yes and nothing else"u8, CommandRun.Usage);
        }

        if (!ActionGate.IsGranted(ref run, ServiceAction.Release, "release"u8))
        {
            return CommandProgress.Done;
        }

        if (!ActionGate.IsMeant(ref run, isSure, "This core goes back to Linux, and the service ends with all that it does."u8, out CommandProgress progress))
        {
            return progress;
        }

        if (ActionGate.Begins(ref run, "console: release asked for by "u8))
        {
            // Said before: there may be nobody to say it afterwards.
            run.Output.WriteLine("Linux is asked to take the core back; this connection ends with it"u8);
            return CommandProgress.More;
        }

        if (run.State.Step == 0)
        {
            if (ActionGate.ElapsedMs(in run) < MachineReset.TellMs)
            {
                return CommandProgress.Waiting;
            }

            run.State.Step = 1;
            return ActionGate.AskLinux(ref run, ServiceAction.Release, 0);
        }

        return ActionGate.AwaitLinux(ref run, "Linux took it"u8);
    }
}
