using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Answers;
using Sos.Firewall.Capture;
using Sos.Firewall.Connections;
using Sos.Firewall.Sets;
using Sos.Firewall.Tables;
using Sos.Firewall.Tracking;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;
using Sos.Sdk.Tables;
using Sos.Sdk.Time;
using Sos.Sdk.Wire;

namespace Sos.Firewall;

/// <summary>
/// The firewall between two ports: what arrives at the card goes through the rules to the host, what the host sends goes to the
/// card as it is, but for rules on what it sends.
/// </summary>
/// <typeparam name="TNic">The card's port.</typeparam>
/// <typeparam name="THost">The host's port.</typeparam>
public partial struct Firewall<TNic, THost>
    where TNic : unmanaged, IPort
    where THost : unmanaged, IPort
{
    private TNic _nic;
    private THost _host;
    private PacketPool _pool;
    private TableSwap<FirewallTable> _tables;
    private FirewallSettings _settings;
    private FirewallCounters _counters;
    private RuleCounters _ruleCounters;
    private Burst _received;
    private Burst _passed;
    private BurstScratch _scratch;
    private PacketKey _key;
    private ConnectionRecord _connections;
    private Samplers _samplers;
    private Answerer _answerer;
    private CaptureRing _capture;
    private LogRing _log;
    private ConnectionTracker _tracker;
    private TrackedBurst _tracked;
    private FlowCounters _flowCounters;
    private FlowListing _flowListing;
    private bool _isTracking;
    private bool _judgesSingly;
    private FullReader _reader;
    private bool _judgesSent;
    private bool _keepsTime;
    private bool _asksForTime;
    private TscClock _clock;
    private ulong _now;

    /// <summary>Takes ports, counters and memory.</summary>
    /// <param name="setup">The service's setup.</param>
    /// <param name="settings">Its parameters.</param>
    /// <param name="nic">The card's port, started.</param>
    /// <param name="host">The host's port.</param>
    /// <param name="pool">The buffers of both.</param>
    /// <returns>False where there is no memory for the connections, or the sets, that the parameters ask for.</returns>
    public unsafe bool TryInitialize(ref ServiceSetup setup, FirewallSettings settings, TNic nic, THost host, PacketPool pool)
    {
        _nic = nic;
        _host = host;
        _pool = pool;
        _settings = settings;
        _counters = new FirewallCounters(setup.Statistics);
        _ruleCounters = new RuleCounters(setup.Statistics);
        _tables = new TableSwap<FirewallTable>(setup.Tables);
        _clock = setup.Clock;
        _capture.Open(ref setup, Tsc.Read());
        _log.Open(ref setup, Tsc.Read());
        if (!_connections.TryMake(setup.Arena))
        {
            setup.Log.Write(LogSeverity.Warning, "the arena is too small to record connections: packets of none cannot be told from others"u8);
        }

        _flowCounters = new FlowCounters(setup.Statistics);
        _flowListing.Open(ref setup);
        FlowSecret secret = new(setup.Parameters, new ProcessorRandom(setup.Control->Isa));
        if (!settings.Flows.TryMake(ref _tracker, setup.Arena, secret))
        {
            return false;
        }

        _flowCounters.Show(in _tracker.Flows);
        return settings.Sets.TryMake(ref _samplers.Sets, setup.Arena, secret, new SetCounters(setup.Statistics));
    }

    /// <summary>Moves one burst in each direction.</summary>
    /// <param name="now">The TSC.</param>
    public void Poll(ulong now)
    {
        _now = now;
        PollTables();
        if (_keepsTime)
        {
            _tracker.Advance(now);
        }

        if (_isTracking)
        {
            _flowListing.Poll(in _tracker.Flows, in _tracker.Clock);
            _flowCounters.Show(in _tracker.Flows);
        }

        if (_nic.Receive(ref _received) > 0)
        {
            Filter();
            _answerer.Send(ref _nic, in _counters);
        }

        if (_host.Receive(ref _received) > 0)
        {
            foreach (PacketBuffer buffer in _received.Buffers)
            {
                _connections.AddSent(buffer.Frame);
            }

            if (_judgesSent)
            {
                FilterSent();
            }
            else if (_isTracking)
            {
                TrackSent(_received.Buffers);
            }

            int count = _received.Count;
            int sent = _nic.Transmit(ref _received);
            _counters.Sent.Add(sent);
            _counters.SendDropped.Add(count - sent);
        }
    }

    private void PollTables()
    {
        _connections.Poll();
        if (_tables.Poll())
        {
            _clock.Follow();
            _connections.Begin(_tables.Generation, _tables.Current.RecordsPassed);
            _samplers.Begin(in _tables.Current, in _clock, _now);
            _asksForTime = _samplers.AskForTime;
            _answerer.Begin(_pool, in _clock, _now);
            BeginTracking(_tables.Current.Mode == TableMode.Stateful);
            _judgesSingly = _isTracking || _tables.Current.Needs != TableNeeds.None;
            _reader.Begin(in _tables.Current, _nic.Mac);
            _judgesSent = _tables.Current.JudgesSent;
            _keepsTime = _isTracking || _judgesSent; // the latter for fragments
            _ruleCounters.Reset();
            _counters.TableGeneration.Set(_tables.Generation);
        }

        if (_tables.Refused != _counters.TablesRefused.Value)
        {
            _counters.TablesRefused.Set(_tables.Refused);
        }
    }

    /// <summary>Begins to track connections, or ends it: then all are forgotten, since nobody sees what goes on until it begins again.</summary>
    private void BeginTracking(bool tracks)
    {
        const ulong NanosecondsPerMillisecond = 1_000_000;
        if (_isTracking && !tracks)
        {
            _tracker.Clear();
            _flowCounters.Show(in _tracker.Flows);
        }

        _isTracking = tracks;
        _tracker.SetFrequency(_clock.TicksFromNanoseconds(NanosecondsPerMillisecond), _now);
    }

    /// <summary>Decides on the received burst, stage by stage, so that the memory reads of its packets overlap.</summary>
    private void Filter()
    {
        Span<PacketBuffer> buffers = _received.Buffers;
        _counters.Received.Add(buffers.Length);
        if (!_tables.IsLoaded)
        {
            _counters.DroppedNoTable.Add(buffers.Length);
            CaptureAll(buffers, CaptureVerdict.DroppedWithoutTable);
            _pool.Free(ref _received);
            return;
        }

        ref readonly FirewallTable table = ref _tables.Current;
        if (table.IsLapsed(_now))
        {
            _counters.Lapsed.Add(buffers.Length);
            RecordPassed(in table, buffers);
            CaptureAll(buffers, CaptureVerdict.Passed);
            _passed.Add(buffers);
            _received.Clear();
            PassOn();
            return;
        }

        TellTime();
        if (_judgesSingly)
        {
            if (_reader.IsNeeded)
            {
                FilterSingly<FullReading>(in table, buffers);
            }
            else
            {
                FilterSingly<PlainReading>(in table, buffers);
            }

            _received.Clear();
            PassOn();
            return;
        }

        int plainCount = ReadKeys(buffers);
        Span<uint> positions = _scratch.Positions;
        BurstEvaluator.Run(in table, plainCount, in _ruleCounters, ref _scratch);
        if (plainCount != buffers.Length)
        {
            Spread(positions, _scratch.Places[..plainCount], buffers.Length);
        }

        Decide(in table, buffers, positions);
        _received.Clear();
        PassOn();
    }

    /// <summary>Tells the burst's time to what counts packets by time.</summary>
    private void TellTime()
    {
        _samplers.SetTime(_now);
        if (_asksForTime)
        {
            TellExactTime();
        }

        if (_reader.AsksForTime)
        {
            _clock.Follow();
            _reader.SetTime(_clock.RealtimeNs(_now));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TellExactTime()
    {
        _clock.Follow();
        _samplers.SetExactTime(_clock.MonotonicNs(_now));
    }

    /// <summary>Reads the keys of the plain packets, close together.</summary>
    /// <returns>How many there are.</returns>
    private int ReadKeys(ReadOnlySpan<PacketBuffer> buffers)
    {
        Span<FlowKey> keys = _scratch.AllKeys[..buffers.Length];
        Span<uint> lengths = _scratch.AllLengths[..buffers.Length];
        for (int i = 0; i < buffers.Length; i++)
        {
            if (!FlowKeyReader.TryRead(buffers[i].Frame, ref keys[i], out lengths[i]))
            {
                return ReadKeysOfSome(buffers);
            }
        }

        return buffers.Length;
    }

    private int ReadKeysOfSome(ReadOnlySpan<PacketBuffer> buffers)
    {
        Span<FlowKey> keys = _scratch.AllKeys;
        Span<uint> lengths = _scratch.AllLengths;
        Span<byte> places = _scratch.Places;
        int plainCount = 0;
        for (int i = 0; i < buffers.Length; i++)
        {
            // What is not plain leaves its place to the next packet.
            bool isPlain = FlowKeyReader.TryRead(buffers[i].Frame, ref keys[plainCount], out lengths[plainCount]);
            places[plainCount] = (byte)i;
            plainCount += isPlain ? 1 : 0;
        }

        return plainCount;
    }

    /// <summary>Moves each position to its packet's place in the burst; the places between are marked.</summary>
    private static void Spread(Span<uint> positions, ReadOnlySpan<byte> places, int count)
    {
        int plain = places.Length - 1;
        for (int i = count - 1; i >= 0; i--)
        {
            bool isPlain = plain >= 0 && places[plain] == i;
            positions[i] = isPlain ? positions[plain] : Outcome.NotStaged;
            plain -= isPlain ? 1 : 0;
        }
    }

    /// <summary>Has the rules judge what the stages left open, and ends the burst: no branch here depends on the stages' verdict.</summary>
    private void Decide(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers, Span<uint> positions)
    {
        positions = positions[..buffers.Length];

        if (table.RecordsPassed)
        {
            RecordPassed(buffers, positions);
        }

        int judgedCount = AreEnds(positions) ? 0 : JudgeOpen(in table, buffers, positions);
        End(in table, buffers, positions, judgedCount);
    }

    /// <summary>Whether no packet is left to judge: a loop of its own, so that its registers last.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool AreEnds(ReadOnlySpan<uint> positions)
    {
        uint all = 0; // ORed, ends stay below the first position that is none
        foreach (uint position in positions)
        {
            all |= position - Outcome.Pass;
        }

        return all < Outcome.NotStaged - Outcome.Pass;
    }

    /// <summary>Ends a burst that was decided on: counts what is dropped and frees it; what passes waits for the host.</summary>
    /// <param name="table">The table that decided.</param>
    /// <param name="buffers">The burst.</param>
    /// <param name="positions">The end of each packet: see <see cref="Outcome"/>.</param>
    /// <param name="countedCount">How many are dropped, and counted already.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void End(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers, Span<uint> positions, int countedCount)
    {
        if (_capture.IsOn(_now))
        {
            CaptureJudged(in table, buffers, positions);
        }

        int passingCount = Partition(buffers, positions, out int ruleCount);
        int droppedCount = buffers.Length - passingCount;
        _counters.DroppedByRule.Add(ruleCount);
        _counters.DroppedByPolicy.Add(droppedCount - ruleCount - countedCount);
        _pool.Free(_scratch.Dropped[..droppedCount]);
        _passed.Add(_scratch.Passing[..passingCount]);
    }

    /// <summary>Parts what passes from what is dropped, each in order, without a branch that depends on a packet.</summary>
    /// <returns>How many pass.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Partition(ReadOnlySpan<PacketBuffer> buffers, ReadOnlySpan<uint> positions, out int ruleCount)
    {
        Span<PacketBuffer> passing = _scratch.Passing;
        Span<PacketBuffer> dropped = _scratch.Dropped;
        int passingCount = 0;
        int byRule = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            PacketBuffer buffer = buffers[i];
            passing[passingCount & (Burst.Capacity - 1)] = buffer;
            dropped[(i - passingCount) & (Burst.Capacity - 1)] = buffer;
            passingCount += positions[i] == Outcome.Pass ? 1 : 0;
            byRule += positions[i] == Outcome.DropByRule ? 1 : 0;
        }

        ruleCount = byRule;
        return passingCount;
    }

    /// <summary>
    /// Judges in full those packets that are not plain, or that the stages did not decide: what follows may look at any field.
    /// </summary>
    /// <returns>How many it dropped, and counted.</returns>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private int JudgeOpen(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers, Span<uint> positions)
    {
        int droppedCount = 0;
        for (int i = 0; i < positions.Length; i++)
        {
            if (positions[i] - Outcome.Pass > Outcome.DropByPolicy - Outcome.Pass)
            {
                bool passed = Passes(in table, buffers[i], positions[i]);
                positions[i] = passed ? Outcome.Pass : Outcome.DropCounted;
                droppedCount += passed ? 0 : 1;
            }
        }

        return droppedCount;
    }

    /// <summary>Reads all headers and lets the rules decide, from the first or from a position on; counts the packet if it is dropped.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool Passes(in FirewallTable table, PacketBuffer buffer, uint position)
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        _key.Clear();
        FramePolicy policy = table.Mode == TableMode.Authoritative
            ? Classify(frame, FrameParser.Parse(frame, out ParsedFrame parsed), in parsed, ref _key)
            : ClassifyForLinux(in table, buffer, ref _key, out parsed);
        if (policy != FramePolicy.Evaluate)
        {
            bool isAccepted = policy == FramePolicy.Accept;
            RecordPassed(in table, frame, isAccepted);
            return isAccepted;
        }

        Verdict verdict = position == Outcome.NotStaged
            ? RuleEvaluator.Evaluate(in table, in _key, in _ruleCounters, ref _samplers)
            : RuleEvaluator.Evaluate(in table, in _key, in _ruleCounters, ref _samplers, position);
        WriteLines(in table, frame, isSent: false);
        if (verdict is Verdict.DropByRule or Verdict.DropByPolicy or Verdict.Rejected && !_settings.DhcpByRules && DhcpReply.Is(frame, in parsed))
        {
            _counters.DhcpPassed.Increment();
            verdict = Verdict.Pass;
        }

        if (verdict == Verdict.Rejected)
        {
            _answerer.Answer(buffer, in parsed, _nic.Mac, _key.Rejection, in _counters, _now);
            verdict = Verdict.DropByRule;
        }

        // What passes to be logged or answered is dropped by Linux: it begins no connection there.
        RecordPassed(in table, frame, verdict == Verdict.Pass);
        return Count(verdict);
    }

    /// <summary>Records what the stages pass.</summary>
    private void RecordPassed(ReadOnlySpan<PacketBuffer> buffers, ReadOnlySpan<uint> positions)
    {
        for (int i = 0; i < positions.Length; i++)
        {
            if (positions[i] == Outcome.Pass)
            {
                _connections.AddPassed(buffers[i].Frame);
            }
        }
    }

    private void RecordPassed(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers)
    {
        if (table.RecordsPassed)
        {
            foreach (PacketBuffer buffer in buffers)
            {
                _connections.AddPassed(buffer.Frame);
            }
        }
    }

    private void RecordPassed(in FirewallTable table, ReadOnlySpan<byte> frame, bool isPassed)
    {
        if (table.RecordsPassed && isPassed)
        {
            _connections.AddPassed(frame);
        }
    }

    /// <summary>Takes frames for programs that want them: at most so many a second, whatever arrives.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void CaptureJudged(in FirewallTable table, ReadOnlySpan<PacketBuffer> buffers, ReadOnlySpan<uint> positions)
    {
        for (int i = 0; i < positions.Length; i++)
        {
            CaptureVerdict verdict = positions[i] switch
            {
                Outcome.Pass => CaptureVerdict.Passed,
                Outcome.DropByRule => CaptureVerdict.DroppedByRule,
                Outcome.DropByPolicy => CaptureVerdict.DroppedByPolicy,
                _ => CaptureVerdict.Dropped,
            };
            if (_capture.TryBegin(verdict, _now))
            {
                _capture.Take(
                    buffers[i].Frame,
                    new CaptureSlot { Time = _now, Generation = _tables.Generation, Verdict = verdict, States = StatesOf(in table, buffers[i], i) });
            }
        }
    }

    private void CaptureAll(ReadOnlySpan<PacketBuffer> buffers, CaptureVerdict verdict)
    {
        if (!_capture.IsOn(_now))
        {
            return;
        }

        foreach (PacketBuffer buffer in buffers)
        {
            if (_capture.TryBegin(verdict, _now))
            {
                _capture.Take(
                    buffer.Frame, new CaptureSlot { Time = _now, Generation = _tables.Generation, Verdict = verdict, States = ConnectionStates.All });
            }
        }
    }

    /// <summary>The states in which Linux may have seen a frame, as far as it was asked for them; the state of a packet that was tracked.</summary>
    private uint StatesOf(in FirewallTable table, PacketBuffer buffer, int index)
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        if (table.Mode == TableMode.Stateful)
        {
            return _tracked[index].Knowledge.ToBits();
        }

        if (table.Mode == TableMode.Authoritative || FrameParser.Parse(frame, out ParsedFrame parsed) != MalformedReason.None
            || parsed.IpVersion == 0 || parsed.VlanTagCount != 0 || parsed.Fragment.IsFragment)
        {
            return ConnectionStates.All;
        }

        PacketKeyReader.Read(frame, in parsed, ref _key);
        ReadStates(in table, buffer, in parsed, ref _key);
        return _key.Value(Field.Connection);
    }

    private readonly void ReadStates(in FirewallTable table, PacketBuffer buffer, in ParsedFrame parsed, ref PacketKey key)
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        if (PacketKeyReader.TryReadConnection(frame, in parsed, in key, out ulong connection))
        {
            if (_connections.IsStranger(in table, connection))
            {
                key.Set(Field.Connection, table.RecordsPassed ? StatesOfFirst(buffer, in parsed, in key) : ConnectionStates.Unanswered);
            }
        }
        else if (table.RecordsPassed && PacketKeyReader.TryReadConcerned(frame, in parsed, in key, out connection)
            && _connections.IsStranger(in table, connection))
        {
            key.Set(Field.Connection, ConnectionStates.Invalid | ConnectionStates.Untracked);
        }
    }

    private static uint StatesOfFirst(PacketBuffer buffer, in ParsedFrame parsed, in PacketKey key)
    {
        bool isValid = (buffer.Header.Flags & PacketFlags.ChecksumValid) != 0 || PacketKeyReader.HasValidChecksum(buffer.Frame, in parsed);
        return ConnectionStates.OfFirst(in key) | (isValid ? 0 : ConnectionStates.Invalid);
    }

    private void PassOn()
    {
        int count = _passed.Count;
        if (count == 0)
        {
            return;
        }

        int passed = _host.Transmit(ref _passed);
        _counters.Passed.Add(passed);
        _counters.DroppedHostFull.Add(count - passed);
    }

    /// <summary>Counts a verdict, and says whether the packet goes to Linux.</summary>
    private readonly bool Count(Verdict verdict)
    {
        switch (verdict)
        {
            case Verdict.Pass:
                return true;
            case Verdict.Sampled:
                _counters.Sampled.Increment();
                return true;
            case Verdict.DropByRule:
                _counters.DroppedByRule.Increment();
                return false;
            default:
                _counters.DroppedByPolicy.Increment();
                return false;
        }
    }

    /// <summary>Decides what comes before the rules: malformed frames, what is no IP, tags and fragments.</summary>
    private readonly FramePolicy Classify(ReadOnlySpan<byte> frame, MalformedReason reason, in ParsedFrame parsed, ref PacketKey key)
    {
        if (reason != MalformedReason.None)
        {
            _counters.CountMalformed(reason);
            return FramePolicy.Drop;
        }

        if (parsed.VlanTagCount != 0 && _settings.Vlan != FramePolicy.Evaluate)
        {
            return Apply(_settings.Vlan, _counters.DroppedVlan);
        }

        if (parsed.IpVersion == 0)
        {
            _counters.NonIp.Increment();
            bool listed = _settings.NonIp == FramePolicy.Evaluate && _settings.NonIpTypes.Contains(parsed.EtherType);
            return Apply(listed ? FramePolicy.Accept : _settings.NonIp, _counters.DroppedNonIp);
        }

        if (parsed.Fragment.IsFragment)
        {
            _counters.Fragments.Increment();
            if (_settings.Fragments != FramePolicy.Evaluate)
            {
                return Apply(_settings.Fragments, _counters.DroppedFragments);
            }
        }

        PacketKeyReader.Read(frame, in parsed, ref key);
        return FramePolicy.Evaluate;
    }

    /// <summary>
    /// The same where Linux judges after the core. What Linux may see otherwise than it arrives here passes: put together, untagged, or routed
    /// by its options. So does what this parser refuses, unless a parameter has it dropped.
    /// </summary>
    private readonly FramePolicy ClassifyForLinux(in FirewallTable table, PacketBuffer buffer, ref PacketKey key, out ParsedFrame parsed)
    {
        ReadOnlySpan<byte> frame = buffer.Frame;
        if (FrameParser.Parse(frame, out parsed) != MalformedReason.None)
        {
            _counters.Unjudged.Increment();
            return FramePolicy.Accept;
        }

        bool isDropped = (parsed.VlanTagCount != 0 && _settings.Vlan == FramePolicy.Drop)
            || (parsed.Fragment.IsFragment && _settings.Fragments == FramePolicy.Drop);
        if (parsed.IpVersion == 0 || isDropped)
        {
            return Classify(frame, MalformedReason.None, in parsed, ref key);
        }

        PacketKeyReader.Read(frame, in parsed, ref key);
        if (parsed.VlanTagCount == 0 && !parsed.Fragment.IsFragment && PacketKeyReader.IsPlain(frame, in parsed, in key))
        {
            ReadStates(in table, buffer, in parsed, ref key);
            return FramePolicy.Evaluate;
        }

        _counters.Unjudged.Increment();
        return FramePolicy.Accept;
    }

    private static FramePolicy Apply(FramePolicy policy, Sos.Sdk.Statistics.Counter dropped)
    {
        if (policy == FramePolicy.Accept)
        {
            return FramePolicy.Accept;
        }

        dropped.Increment();
        return FramePolicy.Drop;
    }
}
