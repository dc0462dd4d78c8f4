using System;
using Sos.RemoteConsole.Commands.Linux;

namespace Sos.RemoteConsole.Commands;

/// <summary><c>status</c>: whether Linux lives, and how the service does.</summary>
internal readonly struct StatusCommand : ICommand
{
    /// <summary>Milliseconds after which Linux is said to be silent: it writes its clock some hundred times a second, or when it has slept.</summary>
    private const ulong SilentMs = 5000;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "status"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "whether Linux was heard of, and how the service does"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Fields;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => default;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        ref ConsoleContext context = ref run.Context;
        ulong seenMs = Math.Max(context.LinuxSeenMs, context.ProgramsSeenMs);
        ulong silentMs = run.Now.Ms - seenMs;
        RowWriter row = run.BeginRow(Form);
        bool hasPanicked = context.Panic.HasPanicked(ref context.Linux, out _, out _);
        ReadOnlySpan<byte> silent = context.LinuxSeenMs == 0 ? "not known"u8 : "SILENT"u8; // programs may end while Linux lives
        row.Text("linux"u8, hasPanicked ? "PANICKED"u8 : seenMs != 0 && silentMs < SilentMs ? "alive"u8 : silent);
        if (seenMs == 0)
        {
            row.Text("linux_reason"u8, "nobody passed a sign of life on since the service started"u8);
        }
        else
        {
            row.Time("linux_seen_ago_s"u8, silentMs / 1000);
        }

        LinuxView.WritePanic(ref run, ref row);
        if (context.ProgramsSeenMs != 0)
        {
            row.Time("programs_seen_ago_s"u8, (run.Now.Ms - context.ProgramsSeenMs) / 1000);
        }

        row.Time("running_s"u8, (run.Now.Ms - context.StartedMs) / 1000);
        unsafe
        {
            row.Number("polls"u8, context.Control->Polls);
        }

        row.Number("logins"u8, context.LoggedIn.Value);
        row.Number("logins_failed"u8, context.Failed.Value);
        row.End();
        return CommandProgress.Done;
    }
}
