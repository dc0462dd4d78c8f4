using System;
using Sos.Sdk.Packets;

namespace Sos.Sdk.Ports.VirtioNet;

/// <summary>The steps from a device that was reset to one whose queues are set up (virtio 1.2, 3.1.1, steps 2 to 7).</summary>
internal static unsafe class VirtioNetHandshake
{
    private const ushort ReceiveQueue = 0;  // 5.1.2: receiveq1
    private const ushort TransmitQueue = 1; // 5.1.2: transmitq1

    /// <summary>MTU of a device that states none.</summary>
    private const int MtuDefault = 1500;

    /// <summary>The largest MTU whose frames fit a packet buffer.</summary>
    private const int MtuMax = PacketBuffer.FrameMax - VirtioNetPort.LinkHeaderMax;

    /// <summary>Receive buffers are handed out this many at a time: one index store, at most one notification.</summary>
    private const int RefillBurst = 32;

    /// <summary>Agrees with the device on features, reads its configuration and sets up both queues in <paramref name="state"/>.</summary>
    public static VirtioNetFailure Prepare<TMmio>(VirtioNetState* state, VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        transport.AddStatus(VirtioStatus.Acknowledge);
        transport.AddStatus(VirtioStatus.Driver);
        VirtioNetFailure failure = Negotiate(state, transport);
        if (failure != VirtioNetFailure.None)
        {
            return failure;
        }

        if ((state->Features & VirtioNetFeatures.Mac) != 0 && !transport.TryReadMac(state->Mac))
        {
            return VirtioNetFailure.ConfigurationUnstable;
        }

        transport.SuppressConfigurationInterrupt();
        if (transport.QueueCount <= TransmitQueue)
        {
            return VirtioNetFailure.QueuesMissing;
        }

        bool eventIndex = (state->Features & VirtioNetFeatures.EventIndex) != 0;
        failure = SetUpQueue(
            transport, ReceiveQueue, state->ReceiveRing, state->ReceiveRingBus, state->ReceiveOwn, eventIndex, out state->Receiving);
        if (failure != VirtioNetFailure.None)
        {
            return failure;
        }

        state->Starved = false;
        state->ReceiveReserve = Math.Max(0, state->Receiving.Size - state->ReceiveMax);
        state->RefillThreshold = state->ReceiveReserve + Math.Clamp((state->Receiving.Size - state->ReceiveReserve) / 4, 1, RefillBurst);
        return SetUpQueue(
            transport, TransmitQueue, state->TransmitRing, state->TransmitRingBus, state->TransmitOwn, eventIndex, out state->Transmitting);
    }

    /// <summary>Chooses features (steps 4 to 6).</summary>
    private static VirtioNetFailure Negotiate<TMmio>(VirtioNetState* state, VirtioPciTransport<TMmio> transport)
        where TMmio : unmanaged, IMmio
    {
        VirtioNetFeatures offered = transport.ReadOfferedFeatures();
        if ((offered & VirtioNetFeatures.Version1) == 0)
        {
            return VirtioNetFailure.NotModern;
        }

        if (state->Layout.Iommu != 0 && (offered & VirtioNetFeatures.AccessPlatform) == 0)
        {
            return VirtioNetFailure.BypassesIommu; // 6.1: it would take bus addresses for physical ones
        }

        VirtioNetFeatures chosen = offered & VirtioNetFeatures.Accepted;
        if (state->Layout.DeviceAddress == 0 || state->Layout.DeviceLength < VirtioPciTransport<TMmio>.DeviceLength)
        {
            chosen &= ~(VirtioNetFeatures.Mac | VirtioNetFeatures.Status | VirtioNetFeatures.Mtu);
        }

        state->Mtu = MtuDefault;
        if ((chosen & VirtioNetFeatures.Mtu) != 0)
        {
            // 5.1.4.1: who accepts the feature must take frames of that size; who cannot, does not accept it.
            int mtu = transport.ReadMtu();
            if (mtu > MtuMax)
            {
                chosen &= ~VirtioNetFeatures.Mtu;
            }

            state->Mtu = Math.Min(mtu, MtuMax);
        }

        state->Features = chosen;
        return transport.TryAcceptFeatures(chosen) ? VirtioNetFailure.None : VirtioNetFailure.FeaturesRefused;
    }

    /// <summary>Sets up one queue on both sides (step 7).</summary>
    private static VirtioNetFailure SetUpQueue<TMmio>(
        VirtioPciTransport<TMmio> transport, ushort number, byte* ring, ulong ringBus, byte* own, bool eventIndex, out SplitQueue queue)
        where TMmio : unmanaged, IMmio
    {
        queue = default;
        VirtioNetFailure failure = transport.ProbeQueue(number, out int size, out byte* notify);
        if (failure != VirtioNetFailure.None)
        {
            return failure;
        }

        size = Math.Min(size, VirtioNetPort.QueueSizeMax);
        queue = new SplitQueue(ring, own, size, number, notify, eventIndex);
        return transport.EnableQueue(number, size, ringBus);
    }
}
