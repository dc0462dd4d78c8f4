using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Sos.Sdk.Services;

namespace Forwarder;

/// <summary>A wire: every frame from the card goes to Linux, and every frame from Linux to the card.</summary>
public struct ForwarderService : IService
{
    /// <summary>Enough to fill both rings of the card, and eight bursts on their way.</summary>
    private const int BuffersMax = (2 * VirtioNetPort.QueueSizeMax) + (8 * Burst.Capacity);

    private const ulong InspectionsPerSecond = 10;

    private VirtioNetPort _nic;
    private HostPort _host;
    private ulong _inspectionTicks;
    private ulong _lastInspection;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!VirtioNetPort.TryCreate(ref setup, 0, "nic"u8, out _nic)
            || !setup.TryCreatePacketPool(BuffersMax, out PacketPool pool)
            || !HostPort.TryCreate(ref setup, 0, "host"u8, pool, out _host))
        {
            return 1;
        }

        _inspectionTicks = setup.Clock.TscKhz * 1000 / InspectionsPerSecond;
        return _nic.TryStart(pool) ? 0 : 100 + (long)_nic.Failure;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        if (now - _lastInspection >= _inspectionTicks)
        {
            _lastInspection = now;
            _nic.Inspect();
            _host.SetLink(_nic.LinkUp);
        }

        Burst burst = default;
        _nic.Receive(ref burst);
        _host.Transmit(ref burst);
        _host.Receive(ref burst);
        _nic.Transmit(ref burst);
    }
}
