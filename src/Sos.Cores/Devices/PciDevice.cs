using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Sos.Cores.Devices;

/// <summary>A PCI function as sysfs shows it.</summary>
/// <param name="Address">Where it is.</param>
/// <param name="Vendor">PCI vendor id.</param>
/// <param name="DeviceId">PCI device id.</param>
/// <param name="Driver">The driver it is bound to, or null.</param>
/// <param name="Interface">Its network device in this namespace, or null.</param>
/// <param name="Mac">Address of the network device, or null.</param>
/// <param name="Mtu">MTU of the network device, 0 without one.</param>
/// <param name="IommuGroup">Its IOMMU group, or null without an IOMMU.</param>
/// <param name="Gap">What lets it reach more than it is given, in words; null if nothing does.</param>
public sealed record PciDevice(
    PciAddress Address, ushort Vendor, ushort DeviceId, string? Driver, string? Interface, string? Mac, int Mtu, string? IommuGroup, string? Gap)
{
    /// <summary>Whether an IOMMU keeps it to the memory that it is given, and from interrupts that are not its own.</summary>
    public bool Confined => Gap is null;

    /// <summary>Red Hat's vendor id, under which virtio devices stand (virtio 1.2, 4.1.2).</summary>
    public const ushort VirtioVendor = 0x1af4;

    /// <summary>virtio-net: transitional 0x1000, modern 0x1041 (virtio 1.2, 4.1.2 and 5.1.1).</summary>
    public bool IsVirtioNet => Vendor == VirtioVendor && DeviceId is 0x1000 or 0x1041;

    /// <summary>All network cards of the machine, by address.</summary>
    /// <param name="sys">Where sysfs is mounted.</param>
    public static IReadOnlyList<PciDevice> ListNetworkCards(string sys = "/sys")
    {
        string root = Path.Combine(sys, "bus/pci/devices");
        return !Directory.Exists(root)
            ? []
            : [.. Directory.EnumerateFileSystemEntries(root)
                .Where(folder => ReadHex(Path.Combine(folder, "class")) >> 16 == 0x02) // PCI class 02: network controller
                .Select(folder => PciAddress.TryParse(Path.GetFileName(folder), out PciAddress address) ? Read(address, sys) : null)
                .OfType<PciDevice>()
                .OrderBy(device => device.Address.ToString(), StringComparer.Ordinal)];
    }

    /// <summary>Reads one function.</summary>
    /// <returns>Null when there is no such function.</returns>
    public static PciDevice? Read(PciAddress address, string sys = "/sys", string interrupts = "/proc/interrupts")
    {
        string folder = Folder(address, sys);
        if (!Directory.Exists(folder))
        {
            return null;
        }

        string? network = FindInterface(folder);
        string? group = LinkName(Path.Combine(folder, "iommu_group"));
        return new PciDevice(
            address,
            (ushort)ReadHex(Path.Combine(folder, "vendor")),
            (ushort)ReadHex(Path.Combine(folder, "device")),
            LinkName(Path.Combine(folder, "driver")),
            network,
            network is null ? null : ReadText(Path.Combine(sys, "class/net", network, "address")),
            network is null ? 0 : ReadNumber(Path.Combine(sys, "class/net", network, "mtu")),
            group,
            FindGap(address, group, sys, interrupts));
    }

    /// <summary>Finds a card by PCI address or by the name of its network device.</summary>
    /// <exception cref="SosException">There is none.</exception>
    public static PciDevice Find(string name, string sys = "/sys")
    {
        if (PciAddress.TryParse(name, out PciAddress address))
        {
            return Read(address, sys)
                ?? throw new SosException(SosError.NotFound, $"there is no PCI device {address}: 'sosctl device list' shows those there are");
        }

        return ListNetworkCards(sys).FirstOrDefault(device => device.Interface == name)
            ?? throw new SosException(
                SosError.NotFound, $"no network card is called {name}: 'sosctl device list' shows those there are, by name and by PCI address");
    }

    /// <summary>The function's configuration space, as far as the caller may read it.</summary>
    public byte[] ReadConfiguration(string sys = "/sys") => File.ReadAllBytes(Path.Combine(Folder(Address, sys), "config"));

    internal static string Folder(PciAddress address, string sys) => Path.Combine(sys, "bus/pci/devices", address.ToString());

    internal static string? LinkName(string path)
    {
        FileSystemInfo? target = Directory.Exists(path) ? Directory.ResolveLinkTarget(path, returnFinalTarget: true) : null;
        return target?.Name;
    }

    // As the driver judges it (kernel/confine.c): without remapping a DMA write can be an interrupt, and a group's members share its memory.
    private static string? FindGap(PciAddress address, string? group, string sys, string interrupts)
    {
        if (group is null)
        {
            return "there is no IOMMU";
        }

        string folder = Path.Combine(sys, "kernel/iommu_groups", group);
        if (!ReadText(Path.Combine(folder, "type")).StartsWith("DMA", StringComparison.Ordinal))
        {
            return "the IOMMU lets all of its DMA pass";
        }

        // Linux names an interrupt chip whose interrupts are remapped IR-..., or ...-IR-...: arch/x86 and drivers/iommu.
        if (!ReadText(interrupts).Contains("IR-", StringComparison.Ordinal))
        {
            return "interrupts are not remapped";
        }

        string members = Path.Combine(folder, "devices");
        string? neighbour = !Directory.Exists(members) ? null : Directory.EnumerateFileSystemEntries(members)
            .Select(entry => Path.GetFileName(entry)!)
            .FirstOrDefault(name => name != address.ToString() && IsForeign(Path.Combine(sys, "bus/pci/devices", name)));
        return neighbour is null ? null : $"{neighbour} shares its IOMMU group";
    }

    // Bridges (PCI class 06) move what others send; what is bound to our driver is no one else's.
    private static bool IsForeign(string folder)
        => ReadHex(Path.Combine(folder, "class")) >> 16 != 0x06 && LinkName(Path.Combine(folder, "driver")) != DriverBinding.SosDriver;

    /// <summary>The network device is below the function itself, or below its virtio device.</summary>
    private static string? FindInterface(string folder)
        => Directory.EnumerateDirectories(folder, "virtio*")
            .Prepend(folder)
            .Select(parent => Path.Combine(parent, "net"))
            .Where(Directory.Exists)
            .SelectMany(Directory.EnumerateFileSystemEntries)
            .Select(Path.GetFileName)
            .FirstOrDefault();

    private static uint ReadHex(string path)
    {
        string text = ReadText(path);
        return text.StartsWith("0x", StringComparison.Ordinal)
            && uint.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint value) ? value : 0;
    }

    private static int ReadNumber(string path) => int.TryParse(ReadText(path), CultureInfo.InvariantCulture, out int value) ? value : 0;

    private static string ReadText(string path)
    {
        try
        {
            return File.ReadAllText(path).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A device may go while we look.
            return "";
        }
    }
}
