using System;
using System.Threading;
using Sos.Sdk.Control;
using Sos.Sdk.Ports;
using Xunit;

namespace Sos.Sdk.Tests.Ports.HostPorts;

/// <summary>
/// Linux's side of a host port, as the driver's network device behaves: it polls while there is work, then arms and looks once more.
/// </summary>
internal sealed unsafe class LinuxHostPortModel : IDisposable
{
    private readonly byte* _memory;
    private readonly long* _notifications;

    public LinuxHostPortModel(uint slots = 64, uint firstIndex = 0)
    {
        Size = MemoryPort.SizeFor(slots);
        _memory = PortBench.Zeroed(Size);
        _notifications = (long*)PortBench.Zeroed(64);
        Assert.True(MemoryPort.TryFormat(_memory, Size, slots, 1500, [2, 0, 0, 0, 0, 1]));
        Layout->ToHost.Producer = Layout->ToHost.Consumer = firstIndex;
        Layout->FromHost.Producer = Layout->FromHost.Consumer = firstIndex;
        Layout->HostUp = 1;
    }

    public ulong Size { get; }

    public HostPortLayout* Layout => (HostPortLayout*)_memory;

    public CountingNotifier Notifier => new(_notifications);

    /// <summary>Interrupts that the service has raised.</summary>
    public long Notifications => Volatile.Read(ref *_notifications);

    public int FramesWaiting => (int)(Volatile.Read(ref Layout->ToHost.Producer) - Layout->ToHost.Consumer);

    public int SlotsFree => (int)(Layout->Slots - (Layout->FromHost.Producer - Volatile.Read(ref Layout->FromHost.Consumer)));

    public HostSlot* FromHostSlot(uint index) => Slot(Layout->FromHostOffset, index);

    /// <summary>start_xmit: false when the ring is full.</summary>
    public bool TrySend(ReadOnlySpan<byte> frame)
    {
        if (SlotsFree == 0)
        {
            return false;
        }

        uint producer = Layout->FromHost.Producer;
        HostSlot* slot = FromHostSlot(producer);
        slot->Length = (uint)frame.Length;
        slot->Flags = HostSlotFlags.None;
        frame.CopyTo(new Span<byte>((byte*)slot + HostSlot.HeaderSize, HostSlot.FrameMax));
        Volatile.Write(ref Layout->FromHost.Producer, producer + 1);
        return true;
    }

    /// <summary>One step of the NAPI poll: null when there is no frame.</summary>
    public byte[]? Receive() => Receive(out _);

    public byte[]? Receive(out HostSlotFlags flags)
    {
        flags = HostSlotFlags.None;
        if (FramesWaiting == 0)
        {
            return null;
        }

        HostSlot* slot = Slot(Layout->ToHostOffset, Layout->ToHost.Consumer);
        flags = slot->Flags;
        byte[] frame = new Span<byte>((byte*)slot + HostSlot.HeaderSize, (int)slot->Length).ToArray();
        Volatile.Write(ref Layout->ToHost.Consumer, Layout->ToHost.Consumer + 1);
        return frame;
    }

    /// <summary>Asks for an interrupt when a frame arrives. Returns whether one did meanwhile, so that polling must go on.</summary>
    public bool ArmToHost()
    {
        Volatile.Write(ref Layout->ToHost.Armed, 1);
        Interlocked.MemoryBarrier();
        return FramesWaiting > 0;
    }

    /// <summary>Asks for an interrupt when a slot is emptied. Returns whether one was meanwhile.</summary>
    public bool ArmFromHost()
    {
        Volatile.Write(ref Layout->FromHost.Armed, 1);
        Interlocked.MemoryBarrier();
        return SlotsFree > 0;
    }

    public void DisarmToHost() => Volatile.Write(ref Layout->ToHost.Armed, 0);

    public void DisarmFromHost() => Volatile.Write(ref Layout->FromHost.Armed, 0);

    public void Dispose()
    {
        PortBench.Release(_memory);
        PortBench.Release(_notifications);
    }

    private HostSlot* Slot(ulong slots, uint index) => (HostSlot*)(_memory + slots + ((index & (Layout->Slots - 1)) * HostSlot.Stride));
}

/// <summary>Counts where a service would call the gate.</summary>
internal readonly unsafe struct CountingNotifier(long* count) : INotifier
{
    public void Notify() => Interlocked.Increment(ref *count);
}
