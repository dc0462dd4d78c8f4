using System;
using System.Collections.Generic;
using Sos.Cores.Devices;
using Sos.Cores.Isolation.Network;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Cores.Running;
using Sos.Sdk.Control;

namespace Sos.Cores.BackEnds;

/// <summary>
/// The network device of a service on an isolated core that is restarted. It stays hidden meanwhile, and the XDP program before it drops all
/// that comes in: nothing passes unfiltered.
/// </summary>
internal sealed class HiddenNetdev : INetworkDevice
{
    private readonly CardRecord _former;
    private readonly InterfaceConfiguration _network;
    private readonly NetdevRecord _netdev;
    private readonly DeviceOptions _options;

    private HiddenNetdev(CardRecord former, InterfaceConfiguration network, NetdevRecord netdev, DeviceOptions options)
        => (_former, _network, _netdev, _options) = (former, network, netdev, options);

    /// <inheritdoc/>
    public string? Interface => _network.Name;

    /// <summary>Finds it.</summary>
    /// <param name="cpu">The core that it is for.</param>
    /// <param name="former">The record of the service that had it, with its network as it is now.</param>
    /// <param name="options">What the user wanted of it.</param>
    /// <exception cref="SosException">It is gone, or not hidden any more.</exception>
    public static HiddenNetdev FindAgain(int cpu, CardRecord former, DeviceOptions options)
    {
        if (former is not { Network: { } network, Netdev: { } netdev } || NetworkCalls.InterfaceIndex(netdev.Hidden) == 0)
        {
            throw new SosException(
                SosError.NotFound,
                $"the network device {former.Address} of core {cpu}'s service is gone, or somebody gave it another name: "
                + $"'sosctl service stop {cpu}' forgets it, then 'sosctl service start {cpu} IMAGE' starts anew");
        }

        return new HiddenNetdev(former, network with { Mtu = Math.Min(network.Mtu, HostPortLayout.MtuMax) }, netdev, options);
    }

    /// <inheritdoc/>
    public CardRecord Describe() => _former with { HostPort = null, Network = _network, Moved = false };

    /// <inheritdoc/>
    public void Take()
    {
        // It was taken before, but perhaps not to the end: whoever did may have been killed.
        IpCommand.Run("address", "flush", "dev", _netdev.Hidden);
        NetdevDevice.UseOneQueue(_netdev);
    }

    /// <inheritdoc/>
    public ServiceConfiguration Configure(ServiceConfiguration configuration, string port)
        => NetdevDevice.Configure(configuration, port, _network, _netdev, _options);

    /// <inheritdoc/>
    public IReadOnlyList<string> MoveNetwork(CardRecord card) => card.HostPort is { } port ? _network.Apply(port) : [];
}
