namespace Sos.Firewall.Tracking;

/// <summary>
/// Tells how much of each packet is read before rules judge it. The code is made for each answer apart, so that rules that need little cost nothing more.
/// </summary>
internal interface IPacketReading
{
    /// <summary>Whether rules may look at all of a packet and change it: see <see cref="Tables.TableNeeds"/>.</summary>
    static abstract bool IsFull { get; }
}

/// <summary>Reads the usual fields.</summary>
internal readonly struct PlainReading : IPacketReading
{
    /// <inheritdoc/>
    public static bool IsFull => false;
}

/// <summary>Reads all that rules may ask for.</summary>
internal readonly struct FullReading : IPacketReading
{
    /// <inheritdoc/>
    public static bool IsFull => true;
}
