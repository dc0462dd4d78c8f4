using System;
using System.Buffers.Binary;
using System.Linq;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;
using Sos.Sdk.Testing;
using Sos.Sdk.Time;
using Sos.Timer;
using Sos.Timer.Layout;

namespace Sos.Fuzz.Targets;

/// <summary>The timer service with a client that writes what it likes into its area, while another keeps to the rules.</summary>
internal static unsafe class TimerTarget
{
    private const int Hostile = 0;
    private const int Honest = 1;
    private const int PassesMax = 2000;

    private static readonly ServiceHarness<TimerService> Harness = Start();
    private static uint _generation;

    /// <summary>Index of the ring (4 bytes), the service's passes before it is looked at again (1), and then the bytes of the requests.</summary>
    public static bool Run(byte[] input)
    {
        _generation++;
        Open(Hostile);
        Open(Honest);
        TimerArea* area = Area(Hostile);
        uint producer = input.Length >= 4 ? BinaryPrimitives.ReadUInt32LittleEndian(input) : 0;
        ReadOnlySpan<byte> requests = input.AsSpan(Math.Min(input.Length, 5));
        requests = requests[..Math.Min(requests.Length, TimerArea.Requests * TimerRequest.Size)];
        requests.CopyTo(new Span<byte>((byte*)area + TimerArea.RequestsOffset, requests.Length));
        MemoryOrdering.StoreRelease(ref area->Producer, producer);
        Harness.Poll(input.Length > 4 ? input[4] + 1 : 1);

        bool accepted = area->Broken == 0 && area->Consumer == producer && producer != 0;

        // It writes over what the service wrote, too.
        new Span<byte>((byte*)area + TimerArea.SlotsOffset, TimerArea.Timers * TimerSlot.Size).Fill(0xa5);
        (area->Armed, area->Consumer, area->Signal) = (uint.MaxValue, producer - 1, 7);
        CheckHonest();
        FuzzException.Require(Admin->Armed <= TimerArea.Timers, "a client has no more timers than its own");
        FuzzException.Require(Admin->Misses <= Admin->Expirations, "what is missed has expired");
        Close(Hostile);
        Close(Honest);
        FuzzException.Require(Admin->Armed == 0, "the timers of a client that is gone are taken back");
        return accepted;
    }

    private static TimerAdmin* Admin => (TimerAdmin*)Harness.SharedMemory(0);

    private static void CheckHonest()
    {
        TimerArea* area = Area(Honest);
        TimerSlot* slot = (TimerSlot*)((byte*)area + TimerArea.SlotsOffset) + 1;
        ((TimerRequest*)((byte*)area + TimerArea.RequestsOffset))[0] = new TimerRequest { Operation = TimerOperation.Arm, Timer = 1, Clock = ClockId.Tsc };
        MemoryOrdering.StoreRelease(ref area->Producer, 1);
        Until(() => slot->Expirations == 1, "another client's timer expires");
        FuzzException.Require(slot->Error == TimerError.None && slot->Answered == 1, "another client is answered");
    }

    private static TimerArea* Area(int client) => (TimerArea*)Harness.SharedMemory(client + 1);

    private static void Open(int client)
    {
        new Span<byte>(Area(client), TimerArea.TotalSize).Clear();
        Admin->Clients[client].Wanted = _generation;
        Until(() => Admin->Clients[client].Served == _generation, "a client is let in");
    }

    private static void Close(int client)
    {
        Admin->Clients[client].Wanted = 0;
        Until(() => Admin->Clients[client].Served == 0, "a client that is gone is forgotten");
    }

    private static void Until(Func<bool> condition, string promise)
    {
        for (int i = 0; i < PassesMax && !condition(); i++)
        {
            Harness.Poll();
        }

        FuzzException.Require(condition(), promise);
    }

    private static ServiceHarness<TimerService> Start()
    {
        ServiceHarness<TimerService> harness = new(new HarnessOptions
        {
            ArenaSize = 8 << 20,
            SharedMemory = [TimerAdmin.Size, .. Enumerable.Repeat(TimerArea.TotalSize, TimerAdmin.ClientsMax)],
        });
        FuzzException.Require(harness.Start() == ExitCode.Stopped, "the service starts");
        return harness;
    }
}
