using System.Runtime.CompilerServices;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>The memory of a <see cref="VirtioNetPort"/>. It lies in the arena, out of the device's reach.</summary>
internal unsafe struct VirtioNetState
{
    public SplitQueue Receiving;
    public SplitQueue Transmitting;
    public PacketPool Pool;
    public PortCounters Counters;
    public BusMap Bus;
    public VirtioNetFailure Failure;
    public int RefillThreshold;

    /// <summary>Receive buffers that the device holds at most: its share of the pool.</summary>
    public int ReceiveMax;

    /// <summary>Receive descriptors that stay free for that.</summary>
    public int ReceiveReserve;
    public int Mtu;
    public bool LinkUp;
    public bool Starved;

    /// <summary>Inspections in a row to which the device did not answer.</summary>
    public int Unanswered;
    public VirtioNetRecovery.State Recovery;
    public MacBytes Mac;
    public VirtioNetFeatures Features;
    public PortLog Log;
    public VirtioPciLayout Layout;
    public byte* ReceiveRing;
    public byte* TransmitRing;
    public ulong ReceiveRingBus;
    public ulong TransmitRingBus;
    public byte* ReceiveOwn;
    public byte* TransmitOwn;

    /// <summary>The device's registers.</summary>
    public readonly VirtioPciTransport<TMmio> Transport<TMmio>(TMmio mmio)
        where TMmio : unmanaged, IMmio => new(
            (byte*)Layout.CommonAddress,
            (byte*)Layout.DeviceAddress,
            (byte*)Layout.NotifyAddress,
            Layout.NotifyMultiplier,
            Layout.NotifyLength,
            mmio);

    /// <summary>The six bytes of a MAC address.</summary>
    [InlineArray(6)]
    public struct MacBytes
    {
        private byte _first;
    }
}
