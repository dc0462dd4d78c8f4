namespace Sos.Firewall.Tracking;

/// <summary>The origin of a packet that rules judge, which decides the chains that see it and whether its checksum needs a check.</summary>
public enum PacketOrigin : byte
{
    /// <summary>The packet arrived, and nobody has verified its checksum.</summary>
    Unchecked,

    /// <summary>The packet arrived, and the card has verified its checksum.</summary>
    Checked,

    /// <summary>Linux sends it.</summary>
    Linux,
}
