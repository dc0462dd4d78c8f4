using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Text;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Control.Linux;

/// <summary>Writes the blob that <see cref="LinuxSymbols"/> reads.</summary>
internal static class LinuxSymbolsWriter
{
    /// <summary>Writes it.</summary>
    /// <param name="values">The values that this kernel has.</param>
    /// <param name="functions">Its functions, in order of address; those that lie elsewhere than all others are left out.</param>
    public static byte[] Write(IReadOnlyDictionary<LinuxField, long> values, IEnumerable<KernelFunction> functions)
    {
        List<uint> addresses = [];
        List<uint> places = [];
        List<byte> names = [];
        foreach (KernelFunction function in functions)
        {
            if (function.Address < LinuxSymbolsHeader.FunctionBase)
            {
                continue;
            }

            addresses.Add((uint)(function.Address - LinuxSymbolsHeader.FunctionBase));
            places.Add((uint)names.Count);
            names.AddRange(Encoding.UTF8.GetBytes(function.Name));
            names.Add(0);
        }

        long[] fields = new long[(int)LinuxField.Count];
        for (int i = 0; i < fields.Length; i++)
        {
            fields[i] = values.TryGetValue((LinuxField)i, out long value) ? value : LinuxSymbols.Missing;
        }

        uint functionsOffset = (uint)(LinuxSymbolsHeader.Size + (fields.Length * sizeof(long)));
        uint placesOffset = functionsOffset + (uint)(addresses.Count * sizeof(uint));
        uint namesOffset = placesOffset + (uint)(places.Count * sizeof(uint));
        LinuxSymbolsHeader header = new()
        {
            Magic = LinuxSymbolsHeader.MagicValue,
            FieldCount = (uint)LinuxField.Count,
            FunctionCount = (uint)addresses.Count,
            FunctionsOffset = functionsOffset,
            PlacesOffset = placesOffset,
            NamesOffset = namesOffset,
            NamesSize = (uint)names.Count,
            TotalSize = namesOffset + (ulong)names.Count,
        };
        byte[] blob = new byte[header.TotalSize];
        MemoryMarshal.Write(blob, in header);
        MemoryMarshal.AsBytes(fields.AsSpan()).CopyTo(blob.AsSpan(LinuxSymbolsHeader.Size));
        MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(addresses)).CopyTo(blob.AsSpan((int)functionsOffset));
        MemoryMarshal.AsBytes(CollectionsMarshal.AsSpan(places)).CopyTo(blob.AsSpan((int)placesOffset));
        CollectionsMarshal.AsSpan(names).CopyTo(blob.AsSpan((int)namesOffset));
        return blob;
    }
}
