using System;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Sos.Image;

namespace Sos.Fuzz.Images;

/// <summary>Makes the build id of a changed image right: with a wrong one hardly any change would be read further.</summary>
public static class BuildIdRepair
{
    /// <summary>Bytes of the service descriptor in front of the build id.</summary>
    private const int BuildIdOffset = 40;

    /// <summary>Finds the descriptor by its note, as a reader would, and hashes the file as the builder does.</summary>
    public static void Repair(byte[] file)
    {
        int owner = FindOwner(file);
        if (owner >= 0)
        {
            Span<byte> buildId = file.AsSpan(owner + 4 + BuildIdOffset, ServiceDescriptor.BuildIdSize);
            buildId.Clear();
            SHA256.HashData(file).AsSpan(0, ServiceDescriptor.BuildIdSize).CopyTo(buildId);
        }
    }

    /// <summary>Index of the owner "SOS" of the first note of type 1 that has room for a build id, or -1.</summary>
    public static int FindOwner(ReadOnlySpan<byte> file)
    {
        for (int at = 4; at + 4 + BuildIdOffset + ServiceDescriptor.BuildIdSize <= file.Length; at++)
        {
            if (file.Slice(at, 4).SequenceEqual("SOS\0"u8) && BinaryPrimitives.ReadUInt32LittleEndian(file[(at - 4)..]) == 1)
            {
                return at;
            }
        }

        return -1;
    }
}
