using Sos.Sdk.Packets;
using Sos.Sdk.Ports;

namespace Sos.Firewall;

/// <summary>
/// One of two kinds of port, chosen at the start: so that one image serves the offline back end, with a card and a host port, and
/// the isolated one, with memory ports. Costs a predictable branch per burst.
/// </summary>
/// <typeparam name="TFirst">One kind.</typeparam>
/// <typeparam name="TSecond">The other kind.</typeparam>
public readonly struct EitherPort<TFirst, TSecond> : IPort
    where TFirst : unmanaged, IPort
    where TSecond : unmanaged, IPort
{
    private readonly TFirst _first;
    private readonly TSecond _second;
    private readonly bool _isFirst;

    /// <summary>Chooses the first kind.</summary>
    public EitherPort(TFirst first)
    {
        _first = first;
        _second = default;
        _isFirst = true;
    }

    /// <summary>Chooses the second kind.</summary>
    public EitherPort(TSecond second)
    {
        _first = default;
        _second = second;
        _isFirst = false;
    }

    /// <inheritdoc/>
    public bool LinkUp => _isFirst ? _first.LinkUp : _second.LinkUp;

    /// <summary>The port, if it is of the first kind.</summary>
    public TFirst First => _first;

    /// <summary>The port, if it is of the second kind.</summary>
    public TSecond Second => _second;

    /// <summary>Which kind it is.</summary>
    public bool IsFirst => _isFirst;

    /// <inheritdoc/>
    public int Receive(ref Burst burst) => _isFirst ? _first.Receive(ref burst) : _second.Receive(ref burst);

    /// <inheritdoc/>
    public int Transmit(ref Burst burst) => _isFirst ? _first.Transmit(ref burst) : _second.Transmit(ref burst);
}
