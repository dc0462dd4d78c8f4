using System.Buffers.Binary;
using System.Text;

namespace Sos.Cores.Network;

/// <summary>Names the driver of a network device (ETHTOOL_GDRVINFO of linux/ethtool.h); sysfs shows it in one network namespace only.</summary>
internal static class DriverName
{
    private const uint GetInformation = 3;
    private const int InformationSize = 196; // struct ethtool_drvinfo
    private const int NameSize = 32;

    /// <summary>Asks for it.</summary>
    /// <param name="device">The device's name.</param>
    /// <returns>Empty for a driver that does not say.</returns>
    public static string Of(string device)
    {
        byte[] information = new byte[InformationSize];
        BinaryPrimitives.WriteUInt32LittleEndian(information, GetInformation);
        return EthtoolCall.Try(device, information) == 0 ? Encoding.ASCII.GetString(information, sizeof(uint), NameSize).TrimEnd('\0') : "";
    }
}
