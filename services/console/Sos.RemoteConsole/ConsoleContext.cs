using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Net;
using Sos.RemoteConsole.Linux;
using Sos.RemoteConsole.Shell;
using Sos.RemoteConsole.Ssh;
using Sos.RemoteConsole.View;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;

namespace Sos.RemoteConsole;

/// <summary>States of what Linux is asked to do.</summary>
internal enum LinuxRequest : byte
{
    /// <summary>Linux has taken it, or there was none.</summary>
    Taken = 0,

    /// <summary>Linux has not taken it yet.</summary>
    Waits,

    /// <summary>Linux did not take it in time, and will not do it.</summary>
    Withdrawn,
}

/// <summary>Somebody who is connected.</summary>
internal struct Visitor
{
    public bool IsHere;
    public bool IsLoggedIn;
    public bool IsSsh;
    public Peer Peer;
    public ulong SinceMs;
    public ulong TypedMs;
    private LabelBytes _label;
    private int _labelLength;

    /// <summary>The comment of the key that logged in; empty without one.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Label => ((ReadOnlySpan<byte>)_label)[.._labelLength];

    /// <summary>Keeps the comment of the key.</summary>
    public void SetLabel(ReadOnlySpan<byte> label)
    {
        _labelLength = Math.Min(label.Length, LabelMax);
        label[.._labelLength].CopyTo(_label);
    }

    private const int LabelMax = 64;

    [InlineArray(LabelMax)]
    private struct LabelBytes
    {
        private byte _first;
    }
}

/// <summary>The things that the sessions of a console share: who is there, the password, and what can be shown of the service and of Linux.</summary>
public unsafe struct ConsoleContext
{
    /// <summary>Visitors at most: as many as there are connections.</summary>
    internal const int VisitorsMax = Net.Tcp.TcpLimits.ConnectionsMax;

    /// <summary>Shells at most: each visitor has one, at his own number, and those behind are lent to who has several channels.</summary>
    internal const int ShellsMax = 2 * VisitorsMax;

    /// <summary>
    /// Milliseconds in which strangers may cause a line of the log, and lines that they may at once: the log has 511, and others shall find theirs hours later.
    /// Failures have a rate of their own, so that no noise hides that keys or passwords are tried.
    /// </summary>
    private const ulong StrangerLineMs = 60_000;
    private const uint StrangerLinesSaved = 32;

    /// <summary>The frequency of a clock that tells none: its ticks are nanoseconds.</summary>
    private const ulong TscKhzDefault = 1_000_000;

    /// <summary>How long Linux is waited for that is to take something: an interrupt of it, or a look of the driver's, ten a second.</summary>
    private const ulong LinuxMs = 3000;

    private readonly MemoryBlock<CommandShell> _shells;
    private Slots _visitors;
    private uint _lent; // a bit for each shell that is lent
    private uint _sequence;
    private TokenBucket _strangerLines;
    private TokenBucket _strangerFailures;
    private readonly LinuxPage* _page; // or null
    private ulong _beats;
    private ulong _seeds;
    private ulong _requestedMs;

    private ConsoleContext(ref ServiceSetup setup, in ConsoleSettings settings, MemoryBlock<CommandShell> shells)
    {
        _shells = shells;
        Log = setup.Log;
        Clock = setup.Clock;
        TscKhz = setup.Clock.TscKhz == 0 ? TscKhzDefault : setup.Clock.TscKhz;
        StartedMs = Instant.At(Tsc.Read(), TscKhz).Ms;
        Control = setup.Control;
        Statistics = setup.TryFindResource(ResourceKind.Statistics, 0, out Resource statistics) ? (StatisticsLayout*)statistics.Address : null;
        Records = setup.TryFindResource(ResourceKind.Log, 0, out Resource log) && log.ByteCount >= LogLayout.HeaderSize ? (LogLayout*)log.Address : null;
        Linux = LinuxAccess.Open(ref setup);
        Panic = LinuxAccess.OpenPanic(ref setup, ref Linux);
        Actions = new GrantedActions(setup.TryFindResource(ResourceKind.Actions, 0, out Resource actions) ? actions.Aux : 0);
        Passwords = new PasswordCheck(in settings, TscKhz);
        LoggedIn = setup.Statistics.Add("console.logins"u8);
        Failed = setup.Statistics.Add("console.logins_failed"u8);
        Unlogged = setup.Statistics.Add("console.unlogged"u8);
        _strangerLines = new TokenBucket(TscKhz * StrangerLineMs, StrangerLinesSaved, Tsc.Read());
        _strangerFailures = _strangerLines;
        Reseeded = setup.Statistics.Add("console.reseeded"u8);
        _sequence = MemoryOrdering.LoadAcquire(ref Control->Clock.Sequence);
        _page = setup.TryFindResource(ResourceKind.Shared, 0, out Resource page) && page.ByteCount >= LinuxPage.Size ? (LinuxPage*)page.Address : null;
    }

    /// <summary>The TSC's frequency.</summary>
    internal ulong TscKhz { get; }

    internal Log Log { get; }

    internal Counter LoggedIn { get; }

    internal Counter Failed { get; }

    internal ServiceControl* Control { get; }

    internal StatisticsLayout* Statistics { get; }

    internal LogLayout* Records { get; }

    internal ulong StartedMs { get; }

    internal Counter Reseeded { get; }

    /// <summary>Lines of strangers that were too many for the log.</summary>
    internal Counter Unlogged { get; }

    /// <summary>When a program of Linux last showed a sign of life; 0: not since the service's start.</summary>
    internal ulong ProgramsSeenMs { get; private set; }

    /// <summary>When Linux last wrote its clock; 0: not since the service's start.</summary>
    internal ulong LinuxSeenMs { get; private set; }

    /// <summary>The actions on the machine that the operator granted.</summary>
    internal GrantedActions Actions { get; }

    /// <summary>How it stands with what Linux was last asked to do.</summary>
    internal LinuxRequest Request { get; private set; }

    /// <summary>Where Linux's words and registers are once it has panicked; not there without a view of Linux.</summary>
    internal LinuxPanic Panic { get; }

    internal TscClock Clock;

    internal PasswordCheck Passwords;

    /// <summary>The reset of the machine that a visitor asked for.</summary>
    internal MachineReset Reset;

    /// <summary>Linux's memory; not there unless the operator granted it.</summary>
    internal LinuxMemory Linux;

    internal SshHost Ssh;

    /// <summary>Makes the context.</summary>
    /// <returns>Whether the arena had room.</returns>
    internal static bool TryCreate(ref ServiceSetup setup, in ConsoleSettings settings, out ConsoleContext context)
    {
        context = default;
        if (!setup.Arena.TryAllocate(ShellsMax, out MemoryBlock<CommandShell> shells))
        {
            return false;
        }

        context = new ConsoleContext(ref setup, in settings, shells);
        Instant now = Instant.At(Tsc.Read(), context.TscKhz);
        return context.Ssh.TryStart(setup.Arena, in settings.Ssh, new ProcessorRandom(setup.Control->Isa), now);
    }

    /// <summary>A shell by number. That of a visitor's number is his.</summary>
    internal readonly ref CommandShell ShellAt(int shell) => ref _shells[shell];

    /// <summary>Lends a shell beside a visitor's own, like new.</summary>
    /// <returns>Whether one was free.</returns>
    internal bool TryLend(out int shell)
    {
        for (shell = VisitorsMax; shell < ShellsMax; shell++)
        {
            uint bit = 1u << (shell - VisitorsMax);
            if ((_lent & bit) == 0)
            {
                _lent |= bit;
                _shells[shell].Reset();
                return true;
            }
        }

        return false;
    }

    /// <summary>Takes a lent shell back. A visitor's own stays his.</summary>
    internal void TakeBack(int shell)
    {
        _shells[shell].Reset(); // what was typed does not stay in memory
        if (shell >= VisitorsMax)
        {
            _lent &= ~(1u << (shell - VisitorsMax));
        }
    }

    /// <summary>Goes on with what takes long, and looks whether Linux lives.</summary>
    internal void Poll(ulong tsc)
    {
        Passwords.Poll();
        Ssh.Server.BeginPass();
        FollowRequest(tsc);
        Reset.Poll(Actions, Log, Instant.At(tsc, TscKhz));
        uint sequence = MemoryOrdering.LoadAcquire(ref Control->Clock.Sequence);
        if (sequence != _sequence)
        {
            _sequence = sequence;
            _ = Clock.TryRefresh();
            LinuxSeenMs = Instant.At(tsc, TscKhz).Ms;
        }

        if (_page != null && MemoryOrdering.LoadAcquire(ref _page->Beats) is ulong beats && beats != _beats)
        {
            _beats = beats;
            ProgramsSeenMs = Instant.At(tsc, TscKhz).Ms;
            TakeSeed(tsc);
        }
    }

    /// <summary>Notes that Linux was asked to do something. Whoever asked may leave: what Linux does not take in time is withdrawn all the same.</summary>
    internal void BeginRequest(Instant now)
    {
        Request = LinuxRequest.Waits;
        _requestedMs = now.Ms;
    }

    private void FollowRequest(ulong tsc)
    {
        if (Request != LinuxRequest.Waits)
        {
            return;
        }

        bool isOver = Instant.At(tsc, TscKhz).Ms - _requestedMs >= LinuxMs;
        if (Gate.Act(ServiceAction.Query, isOver ? 1u : 0u) == 0)
        {
            Request = LinuxRequest.Taken;
        }
        else if (isOver)
        {
            Request = LinuxRequest.Withdrawn;
        }
    }

    /// <summary>Takes a seed of Linux's, once.</summary>
    private void TakeSeed(ulong tsc)
    {
        ulong seeds = MemoryOrdering.LoadAcquire(ref _page->Seeds);
        if (seeds == _seeds)
        {
            return;
        }

        _seeds = seeds;
        Span<byte> seed = _page->Seed;
        Ssh.Reseed(seed, tsc);
        seed.Clear();
        Reseeded.Increment();
        MemoryOrdering.StoreRelease(ref _page->Taken, seeds);
    }

    /// <summary>Gives a visitor a number.</summary>
    internal int Enter(in Peer peer, Instant now)
    {
        int place = 0;
        while (place < VisitorsMax - 1 && _visitors[place].IsHere)
        {
            place++;
        }

        _shells[place].Reset();
        _visitors[place] = new Visitor { IsHere = true, Peer = peer, SinceMs = now.Ms, TypedMs = now.Ms };
        return place;
    }

    /// <summary>Takes the number back.</summary>
    internal void Leave(int visitor)
    {
        Passwords.Forget(visitor);
        _shells[visitor].Reset();
        _visitors[visitor] = default;
    }

    /// <summary>A visitor by number.</summary>
    [UnscopedRef]
    internal ref Visitor this[int visitor] => ref _visitors[visitor];

    /// <summary>Logs something that a visitor did, with the address.</summary>
    internal void LogVisitor(LogSeverity severity, ReadOnlySpan<byte> what, int visitor)
    {
        Span<byte> text = stackalloc byte[LogRecord.TextSize];
        if (!_visitors[visitor].IsLoggedIn && !TryTakeLine(severity))
        {
            Unlogged.Increment();
            return;
        }

        int length = Math.Min(what.Length, LogRecord.TextSize - AddressText.SizeMax);
        what[..length].CopyTo(text);
        length += AddressText.Write(_visitors[visitor].Peer.Remote, text[length..]);
        Log.Write(severity, text[..length], _visitors[visitor].Peer.RemotePort);
    }

    /// <summary>Takes the right to a line that a stranger causes.</summary>
    private bool TryTakeLine(LogSeverity severity)
        => severity == LogSeverity.Informational ? _strangerLines.TryTake(1, Tsc.Read()) : _strangerFailures.TryTake(1, Tsc.Read());

    /// <summary>Logs the comment of the key with which a visitor logged in.</summary>
    internal void LogLabel(int visitor)
    {
        Span<byte> text = stackalloc byte[LogRecord.TextSize];
        ReadOnlySpan<byte> before = "console: ssh key "u8;
        ReadOnlySpan<byte> label = _visitors[visitor].Label;
        before.CopyTo(text);
        int length = before.Length;
        for (int i = 0; i < label.Length && length < text.Length; i++)
        {
            text[length++] = label[i] is < 0x20 or > 0x7e ? (byte)'?' : label[i];
        }

        Log.Write(LogSeverity.Notice, text[..length], _visitors[visitor].Peer.RemotePort);
    }

    [InlineArray(VisitorsMax)]
    private struct Slots
    {
        private Visitor _first;
    }
}
