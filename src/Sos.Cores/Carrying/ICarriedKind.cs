using System.Collections.Generic;

namespace Sos.Cores.Carrying;

/// <summary>A kind of things that Linux knows of a network device, and that another device gets in its place.</summary>
internal interface ICarriedKind
{
    /// <summary>Its name in records.</summary>
    string Name { get; }

    /// <summary>Whether it is the card's own, which a host port has no use for: it waits until the card is back.</summary>
    bool IsOfCard => false;

    /// <summary>Reads what a device has of it, in the order in which it is given.</summary>
    IReadOnlyList<byte[]> Read(CarriedDevice device);

    /// <summary>Gives it to a device, which may have some of it already. What Linux refuses is noted; all else is given all the same.</summary>
    /// <param name="device">The device.</param>
    /// <param name="things">What <see cref="Read"/> found.</param>
    void Apply(CarriedDevice device, IReadOnlyList<byte[]> things);
}
