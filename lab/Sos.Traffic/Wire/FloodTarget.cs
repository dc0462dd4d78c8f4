using System.Net;
using System.Net.NetworkInformation;

namespace Sos.Traffic.Wire;

/// <summary>Where the flood goes.</summary>
/// <param name="Mac">The machine's hardware address.</param>
/// <param name="FromMac">The hardware address it comes from: that of the last router, hence one and the same.</param>
/// <param name="Address">The machine's IPv4 address.</param>
internal sealed record FloodTarget(PhysicalAddress Mac, PhysicalAddress FromMac, IPAddress Address);
