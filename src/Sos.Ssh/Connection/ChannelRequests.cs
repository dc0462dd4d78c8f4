using System;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Connection;

/// <summary>The requests of RFC 4254, 6, and RFC 4335. A request that is not known is refused; one that is cut short invalidates the reader.</summary>
internal static class ChannelRequests
{
    /// <summary>Handles a request.</summary>
    /// <returns>Whether it was done.</returns>
    public static bool Handle(ref SshChannel channel, ReadOnlySpan<byte> name, ref WireReader reader, ref AuthorizedKey key)
    {
        if (name.SequenceEqual("pty-req"u8))
        {
            return TakeTerminal(ref channel, ref reader, key.Options);
        }

        if (name.SequenceEqual("shell"u8))
        {
            return Begin(ref channel, default, SshEventKind.Shell, ref key);
        }

        if (name.SequenceEqual("exec"u8))
        {
            ReadOnlySpan<byte> command = reader.ReadString();
            return reader.IsValid && Begin(ref channel, command, SshEventKind.Execute, ref key);
        }

        if (name.SequenceEqual("window-change"u8))
        {
            return TakeSize(ref channel, ref reader);
        }

        if (name.SequenceEqual("signal"u8))
        {
            ReadOnlySpan<byte> signal = reader.ReadString();
            return reader.IsValid && TakeSignal(ref channel, signal);
        }

        if (name.SequenceEqual("break"u8))
        {
            uint length = reader.ReadUInt32();
            return reader.IsValid && TakeBreak(ref channel, length);
        }

        return false; // env, subsystem, x11-req, auth-agent-req@openssh.com, eow@openssh.com and the rest
    }

    private static bool TakeTerminal(ref SshChannel channel, ref WireReader reader, AuthorizedKeyOptions options)
    {
        reader.ReadString(); // TERM: the console writes what every terminal understands
        uint columns = reader.ReadUInt32();
        uint rows = reader.ReadUInt32();
        reader.ReadUInt32();
        reader.ReadUInt32();
        reader.ReadString();
        if (!reader.IsValid || channel.IsStarted || channel.Terminal.IsThere || (options & AuthorizedKeyOptions.NoTerminal) != 0)
        {
            return false;
        }

        channel.Terminal = new(true, Cut(columns), Cut(rows));
        return true;
    }

    private static bool TakeSize(ref SshChannel channel, ref WireReader reader)
    {
        uint columns = reader.ReadUInt32();
        uint rows = reader.ReadUInt32();
        reader.ReadUInt32();
        reader.ReadUInt32();
        if (!reader.IsValid || !channel.Terminal.IsThere)
        {
            return false;
        }

        channel.Terminal = new(true, Cut(columns), Cut(rows));
        if (channel.IsStarted)
        {
            channel.Tell(SshEventKind.WindowChanged);
        }

        return true;
    }

    // A channel runs one thing, once (RFC 4254, 6.5).
    private static bool Begin(ref SshChannel channel, ReadOnlySpan<byte> command, SshEventKind kind, ref AuthorizedKey key)
    {
        bool isForced = (key.Options & AuthorizedKeyOptions.HasCommand) != 0;
        if (channel.IsStarted || !channel.TrySetCommand(isForced ? key.Command : command))
        {
            return false;
        }

        channel.IsStarted = true;
        channel.Tell(isForced ? SshEventKind.Execute : kind);
        return true;
    }

    private static bool TakeSignal(ref SshChannel channel, ReadOnlySpan<byte> name)
    {
        if (!channel.IsStarted)
        {
            return false;
        }

        channel.Signal = SignalOf(name);
        channel.Tell(SshEventKind.Signal);
        return true;
    }

    private static bool TakeBreak(ref SshChannel channel, uint lengthMs)
    {
        if (!channel.IsStarted)
        {
            return false;
        }

        channel.BreakMs = lengthMs;
        channel.Tell(SshEventKind.Break);
        return true;
    }

    private static SshSignal SignalOf(ReadOnlySpan<byte> name)
        => name.SequenceEqual("INT"u8) ? SshSignal.Interrupt
            : name.SequenceEqual("TERM"u8) ? SshSignal.Terminate
            : name.SequenceEqual("HUP"u8) ? SshSignal.HangUp
            : name.SequenceEqual("KILL"u8) ? SshSignal.Kill
            : name.SequenceEqual("QUIT"u8) ? SshSignal.Quit
            : name.SequenceEqual("ABRT"u8) ? SshSignal.Abort
            : name.SequenceEqual("USR1"u8) ? SshSignal.User1
            : name.SequenceEqual("USR2"u8) ? SshSignal.User2
            : SshSignal.Other;

    private static ushort Cut(uint value) => (ushort)Math.Min(value, ushort.MaxValue);
}
