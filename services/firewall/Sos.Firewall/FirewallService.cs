using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Ports.VirtioNet;
using Sos.Sdk.Ports.Xsk;
using Sos.Sdk.Services;

namespace Sos.Firewall;

/// <summary>
/// The firewall service. It drives a virtio-net card and a host port; where it is given no card, it takes an AF_XDP socket, or else memory
/// port 0 for the card, and where it is given no host port, the next memory port for the host.
/// </summary>
public struct FirewallService : IService
{
    /// <summary>Exit code: a parameter has a value that it cannot have.</summary>
    public const long BadParameter = 1;

    /// <summary>Exit code: there is no port for the card, or no memory for it.</summary>
    public const long NoNic = 2;

    /// <summary>Exit code: there is no port for the host, or no memory for it.</summary>
    public const long NoHost = 3;

    /// <summary>Exit code: there is no packet memory.</summary>
    public const long NoPacketMemory = 4;

    /// <summary>Exit code: the card does not start; the log says why.</summary>
    public const long NicFailed = 5;

    // Both rings of the card and of the host port, full, and the bursts on their way.
    private const int PacketBuffersMax = 4096;

    private EitherPort<VirtioNetPort, EitherPort<XskPort, MemoryPort>> _nic;
    private EitherPort<HostPort, MemoryPort> _host;
    private Firewall<EitherPort<VirtioNetPort, EitherPort<XskPort, MemoryPort>>, EitherPort<HostPort, MemoryPort>> _firewall;
    private bool _linkUp;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!FirewallSettings.TryRead(setup.Parameters, out FirewallSettings settings))
        {
            setup.Log.Write(LogSeverity.Error, "a parameter has a value that it cannot have (non-ip, dhcp, vlan, fragments)"u8);
            return BadParameter;
        }

        // A card takes its rings from the packet memory before the pool takes the rest.
        bool hasCard = VirtioNetPort.TryCreate(ref setup, 0, "nic"u8, out VirtioNetPort card);
        if (!setup.TryCreatePacketPool(PacketBuffersMax, out PacketPool pool))
        {
            setup.Log.Write(LogSeverity.Error, "there is no packet memory"u8);
            return NoPacketMemory;
        }

        long exitCode = OpenNic(ref setup, hasCard, card, pool);
        if (exitCode == ExitCode.Stopped)
        {
            exitCode = OpenHost(ref setup, pool);
        }

        if (exitCode == ExitCode.Stopped)
        {
            _firewall.Initialize(ref setup, settings, _nic, _host, pool);
        }

        return exitCode;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        bool linkUp = _nic.LinkUp;
        if (linkUp != _linkUp)
        {
            SetHostLink(linkUp);
        }

        _firewall.Poll();
    }

    private long OpenNic(ref ServiceSetup setup, bool hasCard, VirtioNetPort card, PacketPool pool)
    {
        if (hasCard)
        {
            _nic = new EitherPort<VirtioNetPort, EitherPort<XskPort, MemoryPort>>(card);
            return card.TryStart(pool) ? ExitCode.Stopped : NicFailed;
        }

        if (XskPort.TryCreate(ref setup, 0, "nic"u8, pool, out XskPort socket))
        {
            _nic = new EitherPort<VirtioNetPort, EitherPort<XskPort, MemoryPort>>(new EitherPort<XskPort, MemoryPort>(socket));
            return ExitCode.Stopped;
        }

        if (!MemoryPort.TryCreate(ref setup, 0, "nic"u8, pool, out MemoryPort port))
        {
            setup.Log.Write(LogSeverity.Error, "there is no card, and no AF_XDP socket or memory port in its place"u8);
            return NoNic;
        }

        port.SetLink(true);
        _nic = new EitherPort<VirtioNetPort, EitherPort<XskPort, MemoryPort>>(new EitherPort<XskPort, MemoryPort>(port));
        return ExitCode.Stopped;
    }

    private long OpenHost(ref ServiceSetup setup, PacketPool pool)
    {
        if (HostPort.TryCreate(ref setup, 0, "host"u8, pool, out HostPort host))
        {
            _host = new EitherPort<HostPort, MemoryPort>(host);
            return ExitCode.Stopped;
        }

        uint index = _nic.IsFirst || _nic.Second.IsFirst ? 0u : 1u;
        if (!MemoryPort.TryCreate(ref setup, index, "host"u8, pool, out MemoryPort port))
        {
            setup.Log.Write(LogSeverity.Error, "there is no host port and no memory port in its place"u8);
            return NoHost;
        }

        _host = new EitherPort<HostPort, MemoryPort>(port);
        return ExitCode.Stopped;
    }

    /// <summary>Linux sees the card's link as the carrier of its own device.</summary>
    private void SetHostLink(bool up)
    {
        _linkUp = up;
        if (_host.IsFirst)
        {
            _host.First.SetLink(up);
        }
        else
        {
            _host.Second.SetLink(up);
        }
    }
}
