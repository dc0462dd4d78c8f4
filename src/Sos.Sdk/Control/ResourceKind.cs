namespace Sos.Sdk.Control;

/// <summary>enum sos_resource_kind: what a service can be given.</summary>
public enum ResourceKind : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Zeroed private memory, handed out at initialisation.</summary>
    Arena = 1,

    /// <summary>Named counters, see <see cref="StatisticsLayout"/>.</summary>
    Statistics = 2,

    /// <summary>Ring of log records, see <see cref="LogLayout"/>.</summary>
    Log = 3,

    /// <summary>Index 0 and 1: the two table slots, read-only for the service.</summary>
    Table = 4,

    /// <summary>Memory for packet buffers; <see cref="Resource.Aux"/> is the address of one bus address per 2 MiB chunk, or 0.</summary>
    PacketMemory = 5,

    /// <summary>
    /// A claimed virtio-net card, see <see cref="VirtioPciLayout"/>; <see cref="Resource.Aux"/> is the address of the bus addresses of packet
    /// memory as this card sees it, or 0 if those of <see cref="PacketMemory"/> are its own.
    /// </summary>
    VirtioNet = 6,

    /// <summary>Linux's side of a port, see <see cref="HostPortLayout"/>: a network device of Linux, or memory rings in its place.</summary>
    HostPort = 7,

    /// <summary>The service's settings, "name=value\n" lines in UTF-8.</summary>
    Parameters = 8,

    /// <summary>Two memory rings in a card's place, laid out as a host port.</summary>
    MemoryPort = 9,

    /// <summary>A network device of Linux by AF_XDP, see <see cref="XskLayout"/>; isolated back end only.</summary>
    Xsk = 11,

    /// <summary>Memory that Linux programs share with the service; what it holds is the service's business.</summary>
    Shared = 12,

    /// <summary>
    /// Linux's memory, to be read: at the address plus n lies the byte with physical address n. <see cref="Resource.Aux"/> is the address of the
    /// ranges that are there (<see cref="LinuxRange"/>), with an empty one behind the last; touching anything else is a fault.
    /// </summary>
    LinuxMemory = 13,

    /// <summary>Where what lies in Linux's memory; what it looks like is between the service and its companion.</summary>
    LinuxSymbols = 14,

    /// <summary>The record of a panic of Linux's, see <see cref="LinuxPanicLayout"/>; it lies in <see cref="LinuxMemory"/>.</summary>
    LinuxPanic = 15,

    /// <summary>The actions that the service may use, in <see cref="Resource.Aux"/>: <see cref="GrantedActions"/>. There is no memory.</summary>
    Actions = 16,
}
