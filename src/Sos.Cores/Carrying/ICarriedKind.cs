using System.Collections.Generic;

namespace Sos.Cores.Carrying;

/// <summary>A kind of things that Linux knows of a network device, and that another device gets in its place.</summary>
internal interface ICarriedKind
{
    /// <summary>Its name in records.</summary>
    string Name { get; }

    /// <summary>Whether it is the card's own, which a host port has no use for: it waits until the card is back.</summary>
    bool IsOfCard => false;

    /// <summary>Whether each device has each of its things, with some value; else it has them or not.</summary>
    bool IsSetting => false;

    /// <summary>Tells a thing from the others of a device, whatever its values are.</summary>
    /// <param name="thing">The thing.</param>
    /// <returns>Null for one that is not missed where it is not: its time ends by itself, or it stands only with others.</returns>
    string? IdentityOf(byte[] thing) => System.Convert.ToHexString(thing);

    /// <summary>Makes what the card gets of a thing that the host port had in its place.</summary>
    /// <param name="original">The thing as the card had it.</param>
    /// <param name="afterMove">The thing as the host port had it when it had just taken the card's place; null where all was taken.</param>
    /// <param name="now">The thing as the host port has it now.</param>
    byte[] Merge(byte[] original, byte[]? afterMove, byte[] now) => now;

    /// <summary>Reads what a device has of it, in the order in which it is given.</summary>
    IReadOnlyList<byte[]> Read(CarriedDevice device);

    /// <summary>Gives it to a device, which may have some of it already. What Linux refuses is noted; all else is given all the same.</summary>
    /// <param name="device">The device.</param>
    /// <param name="things">What <see cref="Read"/> found.</param>
    void Apply(CarriedDevice device, IReadOnlyList<byte[]> things);
}
