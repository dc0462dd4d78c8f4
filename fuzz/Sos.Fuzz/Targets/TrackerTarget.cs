using System;
using System.Numerics;
using System.Runtime.InteropServices;
using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;
using Sos.Sdk.Wire;

namespace Sos.Fuzz.Targets;

/// <summary>
/// The connection tracker with packets in both directions, as an attacker may choose them. Each begins with a byte that says whence it comes, whether
/// rules let it pass and how much time goes by, and two bytes that are its length.
/// </summary>
internal static unsafe class TrackerTarget
{
    private const int Capacity = FlowTable.CapacityMin;
    private const int HeaderSize = 3;
    private const byte IsSent = 1;
    private const byte Passes = 2;
    private const ulong TicksPerMillisecond = 1;

    [ThreadStatic]
    private static ConnectionTracker? _made;

    /// <summary>Tracks packets.</summary>
    public static bool Run(byte[] input)
    {
        ConnectionTracker tracker = _made ??= Make();
        tracker.Clear();
        ReadOnlySpan<byte> rest = input;
        ulong now = 0;
        bool isAny = false;
        while (rest.Length > HeaderSize)
        {
            byte what = rest[0];
            int length = Math.Min((rest[1] << 8) | rest[2], rest.Length - HeaderSize);
            now += (ulong)(what >> 2) * 2_000;
            tracker.Advance(now);
            isAny |= Track(ref tracker, rest.Slice(HeaderSize, length), what);
            rest = rest[(HeaderSize + length)..];
        }

        return isAny;
    }

    private static bool Track(ref ConnectionTracker tracker, ReadOnlySpan<byte> frame, byte what)
    {
        ReadPacket read = default;
        if (FrameParser.Parse(frame, out read.Parsed) != MalformedReason.None || read.Parsed.IpVersion == 0)
        {
            return false;
        }

        read.HasTuple = TupleReader.TryRead(frame, in read.Parsed, out read.Tuple, out read.IsFromSecond);
        read.Hash = read.HasTuple ? tracker.Hash(in read.Tuple) : 0;
        tracker.Track(in read, frame, (what & IsSent) != 0, out TrackedPacket packet);
        FuzzException.Require(BitOperations.PopCount(packet.State) == 1, "a packet has one state");
        FuzzException.Require(!packet.Begins || packet.HasFlow, "what begins a flow has one");
        uint count = tracker.Flows.Count;
        if (packet.Begins && (what & Passes) != 0)
        {
            tracker.Confirm((what & IsSent) != 0);
            FuzzException.Require(tracker.Flows.Find(in read.Tuple, read.Hash) != FlowTable.None, "a flow that began is there");
            FuzzException.Require(tracker.Flows.Count == count + 1 || count == Capacity, "flows are counted");
        }

        return packet.HasFlow;
    }

    private static ConnectionTracker Make()
    {
        nuint size = (nuint)FlowTable.BytesFor(Capacity) + Arena.DefaultAlignment;
        void* memory = NativeMemory.AlignedAlloc(size, Arena.DefaultAlignment);
        NativeMemory.Clear(memory, size);
        ConnectionTracker made = default;
        FuzzException.Require(
            Arena.TryCreate(memory, size, out Arena arena) && made.TryMake(arena, Capacity, new FlowSecret(default, default), isLiberal: false),
            "there is memory for flows");
        made.SetFrequency(TicksPerMillisecond, 0);
        return made;
    }
}
