using System;
using System.Runtime.CompilerServices;
using Sos.Net;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Statistics;
using Sos.Sdk.Time;

namespace Sos.RemoteConsole;

/// <summary>Somebody who is connected.</summary>
internal struct Visitor
{
    public bool IsHere;
    public bool IsLoggedIn;
    public Peer Peer;
    public ulong SinceMs;
    public ulong TypedMs;
}

/// <summary>The things that the sessions of a console share: who is there, the password, and what can be shown of the service and of Linux.</summary>
public unsafe struct ConsoleContext
{
    /// <summary>Visitors at most: as many as there are connections.</summary>
    internal const int VisitorsMax = Net.Tcp.TcpLimits.ConnectionsMax;

    /// <summary>The frequency of a clock that tells none: its ticks are nanoseconds.</summary>
    private const ulong TscKhzDefault = 1_000_000;

    private Slots _visitors;
    private uint _sequence;

    internal ConsoleContext(ref ServiceSetup setup, in ConsoleSettings settings)
    {
        Log = setup.Log;
        Clock = setup.Clock;
        TscKhz = setup.Clock.TscKhz == 0 ? TscKhzDefault : setup.Clock.TscKhz;
        StartedMs = Instant.At(Tsc.Read(), TscKhz).Ms;
        Control = setup.Control;
        Statistics = setup.TryFindResource(ResourceKind.Statistics, 0, out Resource statistics) ? (StatisticsLayout*)statistics.Address : null;
        Records = setup.TryFindResource(ResourceKind.Log, 0, out Resource log) && log.ByteCount >= LogLayout.HeaderSize ? (LogLayout*)log.Address : null;
        Passwords = new PasswordCheck(in settings, TscKhz);
        LoggedIn = setup.Statistics.Add("console.logins"u8);
        Failed = setup.Statistics.Add("console.logins_failed"u8);
        _sequence = MemoryOrdering.LoadAcquire(ref Control->Clock.Sequence);
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

    /// <summary>When Linux last wrote its clock; 0: not since the service's start.</summary>
    internal ulong LinuxSeenMs { get; private set; }

    internal TscClock Clock;

    internal PasswordCheck Passwords;

    /// <summary>Goes on with what takes long, and looks whether Linux lives.</summary>
    internal void Poll(ulong tsc)
    {
        Passwords.Poll();
        uint sequence = MemoryOrdering.LoadAcquire(ref Control->Clock.Sequence);
        if (sequence != _sequence)
        {
            _sequence = sequence;
            _ = Clock.TryRefresh();
            LinuxSeenMs = Instant.At(tsc, TscKhz).Ms;
        }
    }

    /// <summary>Gives a visitor a number.</summary>
    internal int Enter(in Peer peer, Instant now)
    {
        int place = 0;
        while (place < VisitorsMax - 1 && _visitors[place].IsHere)
        {
            place++;
        }

        _visitors[place] = new Visitor { IsHere = true, Peer = peer, SinceMs = now.Ms, TypedMs = now.Ms };
        return place;
    }

    /// <summary>Takes the number back.</summary>
    internal void Leave(int visitor)
    {
        Passwords.Forget(visitor);
        _visitors[visitor] = default;
    }

    /// <summary>A visitor by number.</summary>
    [System.Diagnostics.CodeAnalysis.UnscopedRef]
    internal ref Visitor this[int visitor] => ref _visitors[visitor];

    /// <summary>Logs something that a visitor did, with the address.</summary>
    internal void LogVisitor(LogSeverity severity, ReadOnlySpan<byte> what, int visitor)
    {
        Span<byte> text = stackalloc byte[LogRecord.TextSize];
        int length = Math.Min(what.Length, LogRecord.TextSize - AddressText.SizeMax);
        what[..length].CopyTo(text);
        length += AddressText.Write(_visitors[visitor].Peer.Remote, text[length..]);
        Log.Write(severity, text[..length], _visitors[visitor].Peer.RemotePort);
    }

    [InlineArray(VisitorsMax)]
    private struct Slots
    {
        private Visitor _first;
    }
}
