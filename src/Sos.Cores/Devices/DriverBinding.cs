using System;
using System.IO;

namespace Sos.Cores.Devices;

/// <summary>Moves a PCI function between its own driver and "sos", by driver_override (sysfs-bus-pci).</summary>
public static class DriverBinding
{
    /// <summary>Name of our PCI driver.</summary>
    public const string SosDriver = "sos";

    /// <summary>Takes the function from its driver and binds it to "sos".</summary>
    /// <exception cref="SosException">Linux refused; the function is back with its former driver.</exception>
    public static void Take(PciDevice device, string sys = "/sys")
    {
        // As it is now, not as it was read: what is with "sos" may be a service's meanwhile.
        string folder = PciDevice.Folder(device.Address, sys);
        if (DriverOf(folder) == SosDriver)
        {
            return;
        }

        if (!Directory.Exists(Path.Combine(sys, "bus/pci/drivers", SosDriver)))
        {
            throw new SosException(SosError.DriverMissing, "the driver is not loaded: load it with 'modprobe sos' (or 'insmod sos.ko') as root");
        }

        Write(Path.Combine(folder, "driver_override"), SosDriver);
        Rebind(device.Address, sys, isReturned: false);
        if (DriverOf(folder) != SosDriver)
        {
            Return(device.Address, sys);
            throw new SosException(SosError.Failed, $"{device.Address} did not bind to the driver 'sos': see the kernel log ('dmesg | tail')");
        }
    }

    /// <summary>Gives the function to the driver that Linux chooses for it.</summary>
    public static void Return(PciAddress address, string sys = "/sys")
    {
        // An empty line clears the override.
        Write(Path.Combine(PciDevice.Folder(address, sys), "driver_override"), "\n");
        Rebind(address, sys, isReturned: true);
    }

    private static string? DriverOf(string folder) => PciDevice.LinkName(Path.Combine(folder, "driver"));

    private static void Rebind(PciAddress address, string sys, bool isReturned)
    {
        string folder = PciDevice.Folder(address, sys);
        string unbind = Path.Combine(folder, "driver/unbind");
        if (File.Exists(unbind) && (isReturned || DriverOf(folder) != SosDriver))
        {
            Write(unbind, address.ToString());
        }

        Write(Path.Combine(sys, "bus/pci/drivers_probe"), address.ToString());
    }

    private static void Write(string path, string text)
    {
        try
        {
            File.WriteAllText(path, text);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new SosException(SosError.NotPermitted, $"writing {path} needs root: run this as root", e);
        }
        catch (IOException e)
        {
            throw new SosException(SosError.Failed, $"writing {path} failed: {e.Message}", e);
        }
    }
}
