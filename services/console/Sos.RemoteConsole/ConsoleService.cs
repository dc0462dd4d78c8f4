using Sos.Sdk.Control;
using Sos.Sdk.Packets;
using Sos.Sdk.Ports;
using Sos.Sdk.Services;

namespace Sos.RemoteConsole;

/// <summary>
/// The console service: one port, "nic", with its host port. What is not for the console's addresses passes between the card and Linux as it is.
/// </summary>
public struct ConsoleService : IService
{
    /// <summary>Exit code: a parameter is missing or has a value that it cannot have; the log says which.</summary>
    public const long BadParameter = 1;

    /// <summary>Exit code: there is no card, host port or packet memory, or the card does not start; the log says which.</summary>
    public const long NoPort = 2;

    /// <summary>Exit code: the arena is too small.</summary>
    public const long NoMemory = 3;

    private ConsolePort<NicPort> _port;
    private HostPort _host;

    /// <inheritdoc/>
    public long Initialize(ref ServiceSetup setup)
    {
        if (!ConsoleSettings.TryRead(setup.Parameters, setup.Log, out ConsoleSettings settings))
        {
            return BadParameter;
        }

        // Beside what fills the rings: what the endpoint has on its way.
        if (!setup.TryCreatePacketPool(setup.Ports.PacketBuffersWanted + Burst.Capacity, out PacketPool pool)
            || !NicPort.TryOpen(ref setup, "nic"u8, pool, out NicPort nic)
            || !HostPort.TryOpen(ref setup, "nic"u8, pool, out _host))
        {
            return NoPort;
        }

        if (!ConsolePort<NicPort>.TryCreate(ref setup, in settings, nic, pool, out _port))
        {
            setup.Log.Write(LogSeverity.Error, "console: the arena is too small"u8);
            return NoMemory;
        }

        return ExitCode.Stopped;
    }

    /// <inheritdoc/>
    public void Poll(ulong now)
    {
        Burst burst = default;
        if (_port.Receive(ref burst) > 0)
        {
            _ = _host.Transmit(ref burst);
        }

        if (_host.Receive(ref burst) > 0)
        {
            _ = _port.Transmit(ref burst);
        }
    }
}
