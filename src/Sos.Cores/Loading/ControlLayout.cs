using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using Sos.Sdk.Control;

namespace Sos.Cores.Loading;

/// <summary>Where the parts of the control region lie, as offsets from its start.</summary>
internal sealed class ControlLayout
{
    private const ulong Alignment = 64;

    private ulong _end = ServiceControl.Size;

    /// <summary>Plans the control region.</summary>
    /// <param name="configuration">What the service is given.</param>
    public ControlLayout(ServiceConfiguration configuration)
    {
        ParameterText = FormatParameters(configuration.Parameters);
        Statistics = Take(StatisticsLayout.TotalSize);
        Log = Take(configuration.LogSize);
        Parameters = Take((ulong)ParameterText.Length + 1);
        VirtioLayouts = Take((ulong)configuration.Devices.Count * VirtioPciLayout.Size);
        XskLayouts = Take((ulong)configuration.XskPorts.Count * XskLayout.Size);
        DmaTableSize = AddressSpace.ToChunks(configuration.PacketMemorySize) / AddressSpace.ChunkSize * sizeof(ulong);
        DmaAddresses = Take((ulong)configuration.Devices.Count * DmaTableSize);
        Size = AddressSpace.ToPages(_end);
        if (Size >= AddressSpace.ChunkSize)
        {
            Size = AddressSpace.ToChunks(Size);
        }
    }

    public byte[] ParameterText { get; }

    public ulong Statistics { get; }

    public ulong Log { get; }

    public ulong Parameters { get; }

    public ulong VirtioLayouts { get; }

    public ulong XskLayouts { get; }

    /// <summary>Where the devices' tables of bus addresses begin, one behind the other.</summary>
    public ulong DmaAddresses { get; }

    /// <summary>Bytes of one such table: an address for each chunk of packet memory.</summary>
    public ulong DmaTableSize { get; }

    /// <summary>Bytes of the whole region.</summary>
    public ulong Size { get; }

    /// <summary>Writes the settings as the service reads them.</summary>
    /// <exception cref="SosException">A name or value cannot be written so.</exception>
    internal static byte[] FormatParameters(IReadOnlyDictionary<string, string> parameters)
    {
        StringBuilder text = new();
        foreach ((string name, string value) in parameters.OrderBy(parameter => parameter.Key, StringComparer.Ordinal))
        {
            if (name.Length == 0 || name.AsSpan().IndexOfAny("=\n\0") >= 0 || value.AsSpan().IndexOfAny("\n\0") >= 0)
            {
                throw new SosException(SosError.Usage, $"the parameter \"{name}\" has an empty name, or a line end or '=' where none may be");
            }

            text.Append(name).Append('=').Append(value).Append('\n');
        }

        return Encoding.UTF8.GetBytes(text.ToString());
    }

    private ulong Take(ulong size)
    {
        ulong start = _end;
        _end = (start + size + Alignment - 1) & ~(Alignment - 1);
        return start;
    }
}
