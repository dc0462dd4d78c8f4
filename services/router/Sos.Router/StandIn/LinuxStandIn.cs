using System;
using System.Numerics;
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
    private const uint SecondsPerLine = 10;
    private const uint LinesSaved = 6;

    private readonly RouterTable _table;
    private readonly PacketPool _pool;
    private readonly RouterCounters _counters;
    private readonly Log _log;
    private readonly OwnAddressList _own;
    private readonly NeighbourCache _neighbours;
    private readonly MemoryBlock<StandInLink> _links; // by interface
    private LinuxWatch _watch;
    private TokenBucket _lines;
    private ulong _waiting; // a bit for each interface that frames wait for
    private CededAddresses _ceded;
    private RouterState _state;
    private ulong _now;

    private LinuxStandIn(ref ServiceSetup setup, in RouterTable table, PacketPool pool, RouterCounters counters, in Memory memory)
    {
        ulong second = Math.Max(setup.Clock.TicksFromNanoseconds(1_000_000_000), StandInLink.AnswersPerSecond);
        _now = Tsc.Read();
        _table = table;
        _pool = pool;
        _counters = counters;
        _log = setup.Log;
        _own = new OwnAddressList(table);
        _neighbours = new NeighbourCache(memory.Neighbours, second, _now);
        _ceded = new CededAddresses(memory.Ceded);
        _links = memory.Links;
        _watch = new LinuxWatch(second / (1_000_000_000 / LinuxWatch.PatienceNs));
        for (int number = 0; number < _links.Length; number++)
        {
            _links[number] = new StandInLink(second, _now);
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
        Memory memory = default;
        if (!setup.Arena.TryAllocate(out standIn)
            || !setup.Arena.TryAllocate(NeighbourCache.CountMax, out memory.Neighbours)
            || !setup.Arena.TryAllocate(OwnAddress.CountMax, out memory.Ceded)
            || !setup.Arena.TryAllocate(RouterHeader.InterfacesMax, out memory.Links))
        {
            return false;
        }

        *standIn = new LinuxStandIn(ref setup, in table, pool, counters, in memory);
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

        while (_watch.TryTakeOverdue(now, out int number, out LinkMessage question))
        {
            if (!wasSilent)
            {
                wasSilent = true;
                Begin();
            }

            // Meanwhile the interface may be down, or no more.
            if (IsAnswered(number, question.Asked))
            {
                Answer(number, in question);
            }
        }
    }

    /// <summary>Looks at a frame that came in by an interface, without its tag, and goes to Linux.</summary>
    public void LookAtReceived(int number, ReadOnlySpan<byte> frame)
    {
        if (!IsForLinux(number, frame) || !LinkMessage.TryParse(frame, out LinkMessage message) || IsOurs(message.Link))
        {
            return;
        }

        // Whoever takes over from a dead machine may know of its death before this core does. A claim in the shape of a question is none.
        if (!message.Told.IsUnspecified && _own.TryFind(message.Told, out OwnAddress own, out OwnPlace place) && (own.Answered >> number & 1) != 0)
        {
            Cede(number, place, message.Told);
            return;
        }

        if (!IsSilent && _watch.HasBeat(_now))
        {
            return;
        }

        if (IsSilent && !message.Told.IsUnspecified)
        {
            ulong neighbour = Neighbour.ToPlace(number, !message.Told.IsIpv4);
            _neighbours.Take(neighbour, message.Told, message.Link.Value, message.IsSolicited, message.Overrides, _now);
        }

        if (!message.IsQuestion || !IsAnswered(number, message.Asked))
        {
            return;
        }

        bool isFromHere = IsFromHere(number, message.Sender);
        if (!IsSilent && isFromHere)
        {
            _watch.TakeQuestion(number, in message, _now);
        }
        else if (IsSilent && (isFromHere || (_table.Header->Interfaces[number].Flags & InterfaceFlags.ReversePathStrict) == 0))
        {
            Answer(number, in message);
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
    /// <param name="number">The interface on whose link it is.</param>
    /// <returns>The action, of kind Forward if its place on the link is known.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public ulong Reach(ulong action, Ipv6Address address, bool isIpv6, int number)
    {
        if (NextHop.IsFixed(action))
        {
            return action; // Whoever fixed it wants nobody to be asked.
        }

        IpAddress neighbour = isIpv6 ? new IpAddress(address) : IpAddress.FromIpv4((uint)address.Low);
        if (number >= RouterHeader.InterfacesMax || (number < RouterHeader.PortsMax && number >= _table.Header->PortCount))
        {
            return action;
        }

        ulong known = NextHop.KindOf(action) == NextHopKind.Forward ? NextHop.MacOf(action) : 0;
        int entry = _neighbours.FindOrAdd(Neighbour.ToPlace(number, isIpv6), neighbour, known, _now);
        if (entry < 0)
        {
            return action;
        }

        ulong mac = _neighbours.MacOf(entry);
        if (_neighbours.IsDue(entry, _now, out bool isForAll) && _links[number].TryTakeQuestion(isSearch: mac == 0, _now))
        {
            _neighbours.TakeAsked(entry, _now);
            _counters.NeighbourQuestions.Increment();
            IpAddress source = _own.FindSource(number, neighbour, in _ceded);

            // From no address only the whole group can be asked (RFC 4861, 4.3).
            isForAll |= isIpv6 && source.IsUnspecified;
            LinkMessages.Ask(ref OutboxOf(number), neighbour, source, isForAll ? null : new MacAddress(mac));
        }

        return mac == 0 ? action : NextHop.ToAction(NextHopKind.Forward, number, mac);
    }

    /// <summary>Sends what waits.</summary>
    /// <typeparam name="TNic">A card's port.</typeparam>
    /// <typeparam name="THost">A host port.</typeparam>
    public void Send<TNic, THost>(ref RouterPorts<TNic, THost> ports)
        where TNic : unmanaged, IPort
        where THost : unmanaged, IPort
    {
        for (; _waiting != 0; _waiting &= _waiting - 1)
        {
            int number = BitOperations.TrailingZeroCount(_waiting);
            Burst frames = default;
            _links[number].Outbox.TakeAll(ref frames);
            foreach (PacketBuffer frame in frames.Buffers)
            {
                ports.Send(number, frame);
            }
        }
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
    private readonly bool IsAnswered(int number, IpAddress address)
    {
        (RouterState state, InterfaceFlags flag) = address.IsIpv4
            ? (RouterState.Ipv4, InterfaceFlags.Forwards4)
            : (RouterState.Ipv6, InterfaceFlags.Forwards6);
        flag |= InterfaceFlags.Up;
        return (_state & state) != 0 && (_table.Header->Interfaces[number].Flags & flag) == flag
            && _own.TryFind(address, out OwnAddress own) && (own.Answered >> number & 1) != 0;
    }

    // Linux does not see what goes to others' places on the link.
    private readonly bool IsForLinux(int number, ReadOnlySpan<byte> frame)
    {
        MacAddress destination = MacAddress.Read(frame);
        return destination.IsGroup || destination.Value == _table.Header->Interfaces[number].Mac;
    }

    // Whatever its settings are, Linux answers ARP to whom its routes lead to by the interface that the question came by; to others it may not (rp_filter).
    private readonly bool IsFromHere(int number, IpAddress sender)
    {
        if (!sender.IsIpv4 || sender.IsUnspecified)
        {
            return true;
        }

        ulong action = NextHopResolver.ReadAction(in _table, Ipv4Routes.Lookup(in _table, sender.Ipv4));
        return NextHop.KindOf(action) is NextHopKind.Connected or NextHopKind.Forward && NextHop.InterfaceOf(action) == number;
    }

    private void Answer(int number, in LinkMessage question)
    {
        bool isCeded = _own.TryFind(question.Asked, out _, out OwnPlace place) && _ceded.Has(place, number);
        if (!isCeded && _links[number].Answers.TryTake(1, _now))
        {
            _counters.AnswersForLinux.Increment();
            LinkMessages.Answer(ref OutboxOf(number), question.Asked, question.Sender, question.Link, isRouter: true);
        }
    }

    // A machine that takes over from a dead one says so (VRRP): it shall have the address.
    private void Cede(int number, OwnPlace place, IpAddress address)
    {
        if (_ceded.Add(place, number) && IsSilent && _lines.TryTake(1, _now))
        {
            _log.Write(
                LogSeverity.Warning, "another machine has taken over an address of the silent Linux: the core answers for it no more"u8, address.Low);
        }
    }

    // Two interfaces on one link hear each other.
    private readonly bool IsOurs(MacAddress mac)
    {
        for (int number = 0; number < RouterHeader.InterfacesMax; number++)
        {
            if (_table.Header->Interfaces[number].Mac == mac.Value)
            {
                return true;
            }
        }

        return false;
    }

    private ref Outbox OutboxOf(int number)
    {
        _waiting |= 1UL << number;
        ref Outbox outbox = ref _links[number].Outbox;
        MacAddress mac = new(_table.Header->Interfaces[number].Mac);
        if (outbox.Count == 0 && (outbox.Mac != mac || mac.Value == 0))
        {
            outbox = new Outbox(_pool, mac);
        }

        return ref outbox;
    }

    private struct Memory
    {
        public MemoryBlock<NeighbourEntry> Neighbours;
        public MemoryBlock<ulong> Ceded;
        public MemoryBlock<StandInLink> Links;
    }
}
