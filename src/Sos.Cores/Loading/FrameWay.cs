namespace Sos.Cores.Loading;

/// <summary>How a service gets the frames of a network device, and how what it passes comes back.</summary>
/// <param name="Device">Index of the device.</param>
/// <param name="Name">Its name.</param>
/// <param name="IsNative">
/// Whether the device's driver hands frames over before the network stack sees them (native XDP); else they are taken at the device's ingress, where nothing
/// of them is lost, and go through a pair of devices of ours.
/// </param>
/// <param name="Names">The names of the devices of ours.</param>
/// <param name="Mark">Marks what comes back, where it would be taken again, and what the service sends; 0 where the driver hands frames over.</param>
/// <param name="Open">Whether frames pass to Linux while there is no service; else they are dropped.</param>
public sealed record FrameWay(uint Device, string Name, bool IsNative, FrameWayNames Names, int Mark, bool Open)
{
    /// <summary>In a few words.</summary>
    public override string ToString()
        => $"{Name}: frames taken {(IsNative ? "by its driver (native XDP)" : "at its ingress (tc)")}, back through {Names.Back}, "
            + $"{(Open ? "open" : "closed")} without its service";
}

/// <summary>Names of the devices that a service's network device needs: short, since Linux allows 15 bytes, and found from core and index alone.</summary>
/// <param name="Cpu">The core of the service.</param>
/// <param name="Back">The TAP device through which frames come back.</param>
/// <param name="Take">The device that frames which were taken at the ingress are sent through.</param>
/// <param name="Service">Its other end, with the service's socket.</param>
public sealed record FrameWayNames(int Cpu, string Back, string Take, string Service)
{
    /// <summary>The names for a device.</summary>
    /// <param name="cpu">The core of the service.</param>
    /// <param name="device">Index of the device.</param>
    public static FrameWayNames For(int cpu, uint device) => new(cpu, $"sos{cpu}-b{device}", $"sos{cpu}-t{device}", $"sos{cpu}-s{device}");
}
