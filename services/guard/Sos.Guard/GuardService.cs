using Sos.Firewall;
using Sos.RemoteConsole;
using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.Guard;

/// <summary>
/// Firewall and console on one core: the firewall works on a card before which the console sits. Frames for the console's addresses never come to
/// the rules; the console's own list judges them.
/// </summary>
public struct GuardService : IService
{
    /// <summary>Exit code: a parameter is missing or has a value that it cannot have; the log says which.</summary>
    public const long BadParameter = 1;

    /// <summary>Exit code: there is no card, host port or packet memory, or the card does not start; the log says which.</summary>
    public const long NoPort = 2;

    /// <summary>Exit code: the arena is too small.</summary>
    public const long NoMemory = 3;

    // As the firewall's own service has, and a burst of the console's answers.
    private const int PacketBuffersMax = 4096 + Burst.Capacity;

    private Firewall<ConsolePort<NicPort>, HostPort> _firewall;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!ConsoleSettings.TryRead(setup.Parameters, setup.Log, out ConsoleSettings console))
        {
            return BadParameter;
        }

        if (!FirewallSettings.TryRead(setup.Parameters, out FirewallSettings firewall))
        {
            setup.Log.Write(LogSeverity.Error, "a parameter has a value that it cannot have (non-ip, dhcp, vlan, fragments, flows, tcp-window, set-memory)"u8);
            return BadParameter;
        }

        if (!setup.TryCreatePacketPool(PacketBuffersMax, out PacketPool pool)
            || !NicPort.TryOpen(ref setup, "nic"u8, pool, out NicPort nic)
            || !HostPort.TryOpen(ref setup, "nic"u8, pool, out HostPort host))
        {
            return NoPort;
        }

        if (!ConsolePort<NicPort>.TryCreate(ref setup, in console, nic, pool, out ConsolePort<NicPort> shared))
        {
            setup.Log.Write(LogSeverity.Error, "guard: the arena is too small"u8);
            return NoMemory;
        }

        return _firewall.TryInitialize(ref setup, firewall, shared, host, pool) ? ExitCode.Stopped : ExitCode.ArenaTooSmall;
    }

    /// <inheritdoc/>
    public void Poll(ulong now) => _firewall.Poll(now);
}
