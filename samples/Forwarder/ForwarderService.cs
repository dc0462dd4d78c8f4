using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Forwarder;

/// <summary>A wire: every frame from the card goes to Linux, and every frame from Linux to the card.</summary>
public struct ForwarderService : IService
{
    private NicPort _nic;
    private HostPort _host;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        bool opened = setup.TryCreatePacketPool(out PacketPool pool)
            && NicPort.TryOpen(ref setup, "nic"u8, pool, out _nic)
            && HostPort.TryOpen(ref setup, "nic"u8, pool, out _host);
        return opened ? 0 : 1; // the log says what is missing
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        Burst burst = default;
        _nic.Receive(ref burst);
        _host.Transmit(ref burst);
        _host.Receive(ref burst);
        _nic.Transmit(ref burst);
    }
}
