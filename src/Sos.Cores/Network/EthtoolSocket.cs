using System;
using System.Buffers.Binary;
using Sos.Cores.Native;

namespace Sos.Cores.Network;

/// <summary>
/// Ethtool's family of generic netlink (Documentation/networking/ethtool-netlink.rst) in the network namespace that this thread is in: the settings of a
/// card, each part with a message that asks for it and one that sets it.
/// </summary>
internal sealed class EthtoolSocket : IDisposable
{
    private const int Generic = 16; // NETLINK_GENERIC
    private const ushort Controller = 16; // GENL_ID_CTRL
    private const byte GetFamily = 3; // CTRL_CMD_GETFAMILY
    private const ushort FamilyId = 1; // CTRL_ATTR_FAMILY_ID
    private const ushort FamilyName = 2; // CTRL_ATTR_FAMILY_NAME
    private const int FixedSize = 4; // struct genlmsghdr
    private const ushort Header = 1; // ETHTOOL_A_..._HEADER
    private const ushort Device = 1; // ETHTOOL_A_HEADER_DEV_INDEX
    private const ushort Flags = 3; // ETHTOOL_A_HEADER_FLAGS
    private const uint CompactBitsets = 1; // ETHTOOL_FLAG_COMPACT_BITSETS

    private readonly RouteSocket _socket;
    private readonly ushort _family;

    private EthtoolSocket(RouteSocket socket, ushort family) => (_socket, _family) = (socket, family);

    /// <summary>Opens one.</summary>
    /// <returns>Null for a kernel that has no such family.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public static EthtoolSocket? TryOpen()
    {
        RouteSocket socket = new(Generic);
        EthtoolSocket? opened = null;
        try
        {
            byte[]? answer = socket.TryQuery(RouteMessage.Of(Controller, RouteSocket.Request, [GetFamily, 1, 0, 0]).Add(FamilyName, "ethtool"), out int errno);
            if (errno is not (0 or Errno.NoEntry))
            {
                throw Errno.ToException("asking Linux for the settings of network cards", errno, null);
            }

            ReadOnlySpan<byte> id = answer is null ? [] : RouteSocket.Find(answer.AsSpan(FixedSize), FamilyId);
            return opened = id.Length == sizeof(ushort) ? new EthtoolSocket(socket, BinaryPrimitives.ReadUInt16LittleEndian(id)) : null;
        }
        finally
        {
            if (opened is null)
            {
                socket.Dispose();
            }
        }
    }

    /// <summary>Asks for a part of a device's settings.</summary>
    /// <param name="command">The message that asks for it, ETHTOOL_MSG_..._GET.</param>
    /// <param name="device">Index of the device.</param>
    /// <returns>Its attributes; null where the driver, or the kernel, has no such part.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public byte[]? TryGet(byte command, uint device)
    {
        byte[]? answer = _socket.TryQuery(Message(command, RouteSocket.Request, device, CompactBitsets), out int errno);
        return errno is 0 or Errno.NotSupported
            ? answer?[Math.Min(FixedSize, answer.Length)..]
            : throw Errno.ToException("asking for the settings of a network card", errno, null);
    }

    /// <summary>Sets a part of a device's settings.</summary>
    /// <param name="command">The message that sets it, ETHTOOL_MSG_..._SET.</param>
    /// <param name="device">Index of the device.</param>
    /// <param name="attributes">The attributes to set, one behind the other.</param>
    /// <returns>0 or an errno.</returns>
    public int TrySet(byte command, uint device, ReadOnlySpan<byte> attributes)
        => _socket.TryChange(Message(command, RouteSocket.Change, device, 0).AddAll(attributes));

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private RouteMessage Message(byte command, ushort flags, uint device, uint options)
        => RouteMessage.Of(_family, flags, [command, 1, 0, 0]).Add(Header, header => header.Add(Device, device).Add(Flags, options));
}
