using System.Runtime.CompilerServices;
using Sos.Abi;

namespace Sos.Cores.Offline;

/// <summary>The ioctl numbers of the driver (SOS_IOC_*), made as linux/ioctl.h makes them.</summary>
internal static class DriverRequest
{
    public const uint Magic = 0xBE;
    private const uint Write = 1;
    private const uint Read = 2;

    public static readonly nuint GetInfo = Make<SosInfo>(Read, 0x00);
    public static readonly nuint ReserveCore = Make<SosReserve>(Read | Write, 0x01);
    public static readonly nuint OpenCore = Make<SosOpen>(Read | Write, 0x02);
    public static readonly nuint ReleaseCore = Make<SosRelease>(Read, 0x10);
    public static readonly nuint ClaimDevice = Make<SosDeviceClaim>(Read | Write, 0x11);
    public static readonly nuint AddRegion = Make<SosRegion>(Read | Write, 0x12);
    public static readonly nuint GetDma = Make<SosDma>(Read | Write, 0x13);
    public static readonly nuint AddHostPort = Make<SosAddHostPort>(Read | Write, 0x14);
    public static readonly nuint Start = Make<SosStart>(Write, 0x15);
    public static readonly nuint Stop = Make<SosStop>(Write, 0x16);
    public static readonly nuint GetStatus = Make<SosStatus>(Read, 0x17);
    public static readonly nuint Unload = (nuint)((Magic << 8) | 0x18);
    public static readonly nuint SetLease = Make<SosLease>(Write, 0x19);

    public static readonly nuint ExportRegion = Make<SosExport>(Read | Write, 0x20);
    public static readonly nuint RevokeRegion = Make<SosRevoke>(Write, 0x21);
    public static readonly nuint BindEvent = Make<SosBindEvent>(Write, 0x22);
    public static readonly nuint GetLinuxCounts = Make<SosLinuxCounts>(Read, 0x23);
    public static readonly nuint ReadConfig = Make<SosConfig>(Read | Write, 0x25);
    public static readonly nuint Attach = Make<SosAttach>(Write, 0x26);
    public static readonly nuint GetLinuxRanges = Make<SosGetLinuxRanges>(Read | Write, 0x24);
    public static readonly nuint SetActions = Make<SosSetActions>(Read | Write, 0x27);

    private static nuint Make<T>(uint direction, uint number)
        where T : unmanaged
        => (nuint)((direction << 30) | ((uint)Unsafe.SizeOf<T>() << 16) | (Magic << 8) | number);
}
