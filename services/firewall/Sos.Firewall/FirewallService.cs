using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.Firewall;

/// <summary>The firewall service: one port, "nic", with its host port.</summary>
public struct FirewallService : IService
{
    /// <summary>Exit code: a parameter has a value that it cannot have.</summary>
    public const long BadParameter = 1;

    /// <summary>Exit code: the service was given no card.</summary>
    public const long NoNic = 2;

    /// <summary>Exit code: there is no host port, or no memory for it; the log says which.</summary>
    public const long NoHost = 3;

    /// <summary>Exit code: there is no packet memory.</summary>
    public const long NoPacketMemory = 4;

    /// <summary>Exit code: the card does not start; the log says why.</summary>
    public const long NicFailed = 5;

    // Both rings of the card and of the host port, full, and the bursts on their way.
    private const int PacketBuffersMax = 4096;

    private Firewall<NicPort, HostPort> _firewall;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!FirewallSettings.TryRead(setup.Parameters, out FirewallSettings settings))
        {
            setup.Log.Write(LogSeverity.Error, "a parameter has a value that it cannot have (non-ip, dhcp, vlan, fragments, flows, tcp-window, set-memory)"u8);
            return BadParameter;
        }

        if (!setup.TryCreatePacketPool(PacketBuffersMax, out PacketPool pool))
        {
            setup.Log.Write(LogSeverity.Error, "there is no packet memory"u8);
            return NoPacketMemory;
        }

        if (!NicPort.TryOpen(ref setup, "nic"u8, pool, out NicPort nic))
        {
            return setup.Ports.TryFind("nic"u8, out PortInfo port) && port.HasCard ? NicFailed : NoNic;
        }

        if (!HostPort.TryOpen(ref setup, "nic"u8, pool, out HostPort host))
        {
            return NoHost;
        }

        return _firewall.TryInitialize(ref setup, settings, nic, host, pool) ? ExitCode.Stopped : ExitCode.ArenaTooSmall;
    }

    /// <inheritdoc/>
    public void Poll(ulong now) => _firewall.Poll(now);
}
