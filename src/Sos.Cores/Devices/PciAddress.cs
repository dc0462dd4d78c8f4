using System.Globalization;

namespace Sos.Cores.Devices;

/// <summary>Where a PCI function is: domain, bus, slot and function.</summary>
/// <param name="Domain">PCI domain.</param>
/// <param name="Bus">Bus, 0 to 255.</param>
/// <param name="Slot">Slot, 0 to 31.</param>
/// <param name="Function">Function, 0 to 7.</param>
public readonly record struct PciAddress(uint Domain, byte Bus, byte Slot, byte Function)
{
    /// <summary>Slot and function in one byte, as Linux's devfn.</summary>
    public byte DevFn => (byte)((Slot << 3) | Function);

    /// <summary>Reads "0000:00:03.0" or "00:03.0".</summary>
    /// <returns>Whether it is one.</returns>
    public static bool TryParse(string text, out PciAddress address)
    {
        address = default;
        string[] parts = text.Split(':');
        if (parts.Length is not (2 or 3))
        {
            return false;
        }

        uint domain = 0;
        string[] last = parts[^1].Split('.');
        if (last.Length != 2
            || (parts.Length == 3 && !TryHex(parts[0], uint.MaxValue, out domain))
            || !TryHex(parts[^2], 255, out uint bus)
            || !TryHex(last[0], 31, out uint slot)
            || !TryHex(last[1], 7, out uint function))
        {
            return false;
        }

        address = new PciAddress(domain, (byte)bus, (byte)slot, (byte)function);
        return true;
    }

    /// <summary>As sysfs names it: "0000:00:03.0".</summary>
    public override string ToString()
        => string.Create(CultureInfo.InvariantCulture, $"{Domain:x4}:{Bus:x2}:{Slot:x2}.{Function:x}");

    private static bool TryHex(string text, uint max, out uint value)
        => uint.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value) && value <= max;
}
