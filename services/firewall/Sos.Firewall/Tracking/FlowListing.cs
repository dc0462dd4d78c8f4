using System;
using System.Runtime.CompilerServices;
using Sos.Firewall.Capture;
using Sos.Sdk.Control;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;

namespace Sos.Firewall.Tracking;

/// <summary>The core's side of <see cref="FlowListingHeader"/>.</summary>
public unsafe struct FlowListing
{
    private const uint MillisecondsPerSecond = 1000;

    private FlowListingHeader* _header;
    private ulong _answered;

    /// <summary>Lays the memory out, behind that for frames in the last piece that the service was given; without, no question is answered.</summary>
    /// <param name="setup">The service's setup.</param>
    public void Open(ref ServiceSetup setup)
    {
        Resource last = ReaderMemory.Find(ref setup);

        if (last.ByteCount < CaptureHeader.TotalSize + FlowListingHeader.TotalSize)
        {
            return;
        }

        _header = (FlowListingHeader*)(last.Address + CaptureHeader.TotalSize);
        new Span<byte>(_header, (int)FlowListingHeader.TotalSize).Clear();
        MemoryOrdering.StoreRelease(ref _header->Magic, FlowListingHeader.MagicValue);
    }

    /// <summary>Answers a question, if there is one.</summary>
    /// <param name="flows">The flows.</param>
    /// <param name="clock">The time.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Poll(in FlowTable flows, in MillisecondClock clock)
    {
        if (_header != null && MemoryOrdering.LoadAcquire(ref _header->Question) != _answered)
        {
            Answer(in flows, in clock);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Answer(in FlowTable flows, in MillisecondClock clock)
    {
        _answered = MemoryOrdering.LoadAcquire(ref _header->Question);
        FlowRecord* records = (FlowRecord*)((byte*)_header + FlowListingHeader.Size);
        uint from = Math.Max(_header->From, 1);
        uint last = flows.HighestNumber; // What lies behind it may be a flow that was forgotten with all others.
        uint end = (uint)Math.Min((ulong)from + FlowListingHeader.PlacesAtOnce, (ulong)last + 1);
        uint count = 0;
        uint number = from;
        for (; number < end && count < FlowListingHeader.RecordCount; number++)
        {
            ref readonly Flow flow = ref flows[number];
            if (flow.Tuple.Kind != 0 && !clock.IsPast(flow.Expiry))
            {
                records[count++] = new FlowRecord
                {
                    Tuple = flow.Tuple,
                    SecondsLeft = (flow.Expiry - clock.Now) / MillisecondsPerSecond,
                    Status = flow.Status,
                    State = flow.State,
                    IsFromSecond = (flow.Origin & FlowOrigin.SecondEnd) != 0 ? (byte)1 : (byte)0,
                };
            }
        }

        _header->Count = count;
        _header->Next = number <= last && number > from ? number : 0;
        MemoryOrdering.StoreRelease(ref _header->Answered, _answered);
    }
}
