using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Net;
using Sos.Net.Wire;
using Sos.Router.Tables;
using Sos.Sdk.Control;
using Sos.Sdk.Logging;
using Sos.Sdk.Memory;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Router.StandIn;

/// <summary>
/// Stands in for a Linux that is silent, so that the router's neighbours do not lose it and it does not lose them: answers ARP and neighbour discovery for
/// this machine's addresses, asks neighbours that packets go to whether they are there, and finds those that Linux did not know.
/// </summary>
public unsafe struct LinuxStandIn
{
    /// <summary>Answers a second on each port's link, whoever asks: a flood on one link takes none from the others.</summary>
    private const uint AnswersPerSecond = 1000;

    /// <summary>Questions a second on each port's link for neighbours that are looked for: a scan of a network is no reason to flood it.</summary>
    private const uint SearchesPerSecond = 100;

    /// <summary>Questions a second on each port's link whether a neighbour is still there: the whole cache within less than its answers count.</summary>
    private const uint ConfirmationsPerSecond = 100;

    private const uint SecondsPerLine = 10;
    private const uint LinesSaved = 6;

    private readonly RouterTable _table;
    private readonly PacketPool _pool;
    private readonly RouterCounters _counters;
    private readonly Log _log;
    private readonly OwnAddressList _own;
    private readonly NeighbourCache _neighbours;
    private LinuxWatch _watch;
    private BucketArray _answers;
    private BucketArray _searches;
    private BucketArray _confirmations;
    private TokenBucket _lines;
    private OutboxArray _outboxes;
    private uint _waiting; // a bit for each port that frames wait for
    private CededAddresses _ceded;
    private RouterState _state;
    private ulong _now;

    private LinuxStandIn(ref ServiceSetup setup, in RouterTable table, PacketPool pool, RouterCounters counters, MemoryBlock<NeighbourEntry> entries)
    {
        ulong second = Math.Max(setup.Clock.TicksFromNanoseconds(1_000_000_000), AnswersPerSecond);
        _now = Tsc.Read();
        _table = table;
        _pool = pool;
        _counters = counters;
        _log = setup.Log;
        _own = new OwnAddressList(table);
        _neighbours = new NeighbourCache(entries, second, _now);
        _watch = new LinuxWatch(second / (1_000_000_000 / LinuxWatch.PatienceNs));
        for (int port = 0; port < PortList.CountMax; port++)
        {
            _answers[port] = new TokenBucket(second / AnswersPerSecond, AnswersPerSecond / 4, _now);
            _searches[port] = new TokenBucket(second / SearchesPerSecond, SearchesPerSecond, _now);
            _confirmations[port] = new TokenBucket(second / ConfirmationsPerSecond, ConfirmationsPerSecond, _now);
        }

        _lines = new TokenBucket(second * SecondsPerLine, LinesSaved, _now);
    }

    /// <summary>Whether Linux is silent: its neighbours are the core's matter.</summary>
    public readonly bool IsSilent => _watch.IsSilent;

    /// <summary>Whether it matters what Linux sends.</summary>
    public readonly bool Listens => _watch.Listens || _ceded.HasAny;

    /// <summary>Makes one that has nothing to do yet.</summary>
    /// <param name="setup">The service's setup, in whose arena it lies.</param>
    /// <param name="table">The routes' memory.</param>
    /// <param name="pool">Where frames are taken from.</param>
    /// <param name="counters">What it counts.</param>
    /// <param name="standIn">The stand-in.</param>
    /// <returns>Whether the arena had room.</returns>
    public static bool TryCreate(ref ServiceSetup setup, in RouterTable table, PacketPool pool, RouterCounters counters, out LinuxStandIn* standIn)
    {
        if (!setup.Arena.TryAllocate(out standIn) || !setup.Arena.TryAllocate(NeighbourCache.CountMax, out MemoryBlock<NeighbourEntry> entries))
        {
            return false;
        }

        *standIn = new LinuxStandIn(ref setup, in table, pool, counters, entries);
        return true;
    }

    /// <summary>Looks for signs of life, and answers what Linux left open.</summary>
    /// <param name="state">Which traffic the core forwards.</param>
    /// <param name="now">The TSC.</param>
    public void BeginPass(RouterState state, ulong now)
    {
        _state = state;
        _now = now;
        bool wasSilent = IsSilent;
        if (_watch.TakeBeats(MemoryOrdering.LoadAcquire(ref _table.Header->Beats), now))
        {
            TakeLife(wasSilent);
        }

        while (_watch.TryTakeOverdue(now, out int port, out LinkMessage question))
        {
            if (!wasSilent)
            {
                wasSilent = true;
                Begin();
            }

            Answer(port, in question);
        }
    }

    /// <summary>Looks at a frame that came in at a port and goes to Linux.</summary>
    public void LookAtReceived(int port, ReadOnlySpan<byte> frame)
    {
        if (!IsForLinux(port, frame) || !LinkMessage.TryParse(frame, out LinkMessage message) || IsOurs(message.Link))
        {
            return;
        }

        // Whoever takes over from a dead machine may know of its death before this core does. A claim in the shape of a question is none.
        if (!message.Told.IsUnspecified && _own.TryFind(message.Told, out OwnAddress own, out OwnPlace place) && (own.Answered >> port & 1) != 0)
        {
            Cede(port, place, message.Told);
            return;
        }

        if (!IsSilent && _watch.HasBeat(_now))
        {
            return;
        }

        if (IsSilent && !message.Told.IsUnspecified)
        {
            ulong neighbour = Neighbour.ToPlace(port, !message.Told.IsIpv4);
            _neighbours.Take(neighbour, message.Told, message.Link.Value, message.IsSolicited, message.Overrides, _now);
        }

        if (!message.IsQuestion || !IsAnswered(port, message.Asked))
        {
            return;
        }

        bool isFromHere = IsFromHere(port, message.Sender);
        if (!IsSilent && isFromHere)
        {
            _watch.TakeQuestion(port, in message, _now);
        }
        else if (IsSilent && (isFromHere || (_table.Header->Ports[port].Flags & PortFlags.ReversePathStrict) == 0))
        {
            Answer(port, in message);
        }
    }

    /// <summary>Looks at a frame that Linux sends. Only an answer shows that it answers: of a panicked Linux, timers may go on.</summary>
    public void LookAtSent(ReadOnlySpan<byte> frame)
    {
        if (LinkMessage.TryParse(frame, out LinkMessage message) && !message.IsQuestion)
        {
            bool wasSilent = IsSilent;
            _watch.TakeAnswer();
            TakeLife(wasSilent);
        }
    }

    /// <summary>Finds the way to a neighbour as long as Linux is silent: by what the core knows itself, or else by the table.</summary>
    /// <param name="action">What the table says: of kind Forward, or Linux when it knows no place on the link.</param>
    /// <param name="address">The neighbour; an IPv4 address is in the lowest 32 bits.</param>
    /// <param name="isIpv6">Its family.</param>
    /// <param name="port">Its port.</param>
    /// <returns>The action, of kind Forward if its place on the link is known.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public ulong Reach(ulong action, Ipv6Address address, bool isIpv6, int port)
    {
        if (NextHop.IsFixed(action))
        {
            return action; // Whoever fixed it wants nobody to be asked.
        }

        IpAddress neighbour = isIpv6 ? new IpAddress(address) : IpAddress.FromIpv4((uint)address.Low);
        if (port >= _table.Header->PortCount || port >= PortList.CountMax)
        {
            return action;
        }

        ulong known = NextHop.KindOf(action) == NextHopKind.Forward ? NextHop.MacOf(action) : 0;
        int entry = _neighbours.FindOrAdd(Neighbour.ToPlace(port, isIpv6), neighbour, known, _now);
        if (entry < 0)
        {
            return action;
        }

        ulong mac = _neighbours.MacOf(entry);
        if (_neighbours.IsDue(entry, _now, out bool isForAll) && (mac == 0 ? _searches[port].TryTake(1, _now) : _confirmations[port].TryTake(1, _now)))
        {
            _neighbours.TakeAsked(entry, _now);
            _counters.NeighbourQuestions.Increment();
            IpAddress source = _own.FindSource(port, neighbour, in _ceded);

            // From no address only the whole group can be asked (RFC 4861, 4.3).
            isForAll |= isIpv6 && source.IsUnspecified;
            LinkMessages.Ask(ref OutboxOf(port), neighbour, source, isForAll ? null : new MacAddress(mac));
        }

        return mac == 0 ? action : NextHop.ToAction(NextHopKind.Forward, port, mac);
    }

    /// <summary>Sends what waits.</summary>
    /// <typeparam name="TNic">A card's port.</typeparam>
    /// <typeparam name="THost">A host port.</typeparam>
    public void Send<TNic, THost>(ref RouterPorts<TNic, THost> ports)
        where TNic : unmanaged, IPort
        where THost : unmanaged, IPort
    {
        for (int port = 0; _waiting >> port != 0; port++)
        {
            if ((_waiting >> port & 1) != 0)
            {
                Burst frames = default;
                _outboxes[port].TakeAll(ref frames);
                foreach (PacketBuffer frame in frames.Buffers)
                {
                    ports.Send(port, frame);
                }
            }
        }

        _waiting = 0;
    }

    private void Begin()
    {
        _neighbours.Clear();
        _counters.LinuxSilences.Increment();
        if (_lines.TryTake(1, _now))
        {
            _log.Write(LogSeverity.Warning, "Linux answers no more: the core answers ARP and neighbour discovery for its addresses"u8);
        }

        if (_ceded.HasAny && _lines.TryTake(1, _now))
        {
            _log.Write(LogSeverity.Warning, "other machines have claimed addresses of the silent Linux: the core does not answer for these"u8);
        }
    }

    // Linux has its addresses again, or has given them up itself.
    private void TakeLife(bool wasSilent)
    {
        _ceded.Clear();
        if (wasSilent && _lines.TryTake(1, _now))
        {
            _log.Write(LogSeverity.Notice, "Linux answers again"u8);
        }
    }

    // Linux answers for it on this link, as long as its device is up, and packets that then come are forwarded.
    private readonly bool IsAnswered(int port, IpAddress address)
    {
        (RouterState state, PortFlags flag) = address.IsIpv4 ? (RouterState.Ipv4, PortFlags.Forwards4) : (RouterState.Ipv6, PortFlags.Forwards6);
        flag |= PortFlags.Up;
        return (_state & state) != 0 && (_table.Header->Ports[port].Flags & flag) == flag
            && _own.TryFind(address, out OwnAddress own) && (own.Answered >> port & 1) != 0;
    }

    // Linux does not see what goes to others' places on the link.
    private readonly bool IsForLinux(int port, ReadOnlySpan<byte> frame)
    {
        MacAddress destination = MacAddress.Read(frame);
        return destination.IsGroup || destination.Value == _table.Header->Ports[port].Mac;
    }

    // Whatever its settings are, Linux answers ARP to whom its routes lead to by the port that the question came by; to others it may not (rp_filter).
    private readonly bool IsFromHere(int port, IpAddress sender)
    {
        if (!sender.IsIpv4 || sender.IsUnspecified)
        {
            return true;
        }

        ulong action = NextHopResolver.ReadAction(in _table, Ipv4Routes.Lookup(in _table, sender.Ipv4));
        return NextHop.KindOf(action) is NextHopKind.Connected or NextHopKind.Forward && NextHop.PortOf(action) == port;
    }

    private void Answer(int port, in LinkMessage question)
    {
        bool isCeded = _own.TryFind(question.Asked, out _, out OwnPlace place) && _ceded.Has(place, port);
        if (!isCeded && _answers[port].TryTake(1, _now))
        {
            _counters.AnswersForLinux.Increment();
            LinkMessages.Answer(ref OutboxOf(port), question.Asked, question.Sender, question.Link, isRouter: true);
        }
    }

    // A machine that takes over from a dead one says so (VRRP): it shall have the address.
    private void Cede(int port, OwnPlace place, IpAddress address)
    {
        if (_ceded.Add(place, port) && IsSilent && _lines.TryTake(1, _now))
        {
            _log.Write(
                LogSeverity.Warning, "another machine has taken over an address of the silent Linux: the core answers for it no more"u8, address.Low);
        }
    }

    // Two ports on one link hear each other.
    private readonly bool IsOurs(MacAddress mac)
    {
        for (int port = 0; port < (int)Math.Min(_table.Header->PortCount, (uint)PortList.CountMax); port++)
        {
            if (_table.Header->Ports[port].Mac == mac.Value)
            {
                return true;
            }
        }

        return false;
    }

    [UnscopedRef]
    private ref Outbox OutboxOf(int port)
    {
        _waiting |= 1u << port;
        ref Outbox outbox = ref _outboxes[port];
        MacAddress mac = new(_table.Header->Ports[port].Mac);
        if (outbox.Count == 0 && outbox.Mac != mac)
        {
            outbox = new Outbox(_pool, mac);
        }

        return ref outbox;
    }

    [InlineArray(PortList.CountMax)]
    private struct BucketArray
    {
        private TokenBucket _first;
    }

    [InlineArray(PortList.CountMax)]
    private struct OutboxArray
    {
        private Outbox _first;
    }
}
