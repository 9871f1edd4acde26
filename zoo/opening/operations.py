"""Operations of TensorFlow that a SavedModel may hold: those that compute with the tensors that they are given.

What is not listed is refused, so that an operation that a later TensorFlow adds is refused as well.
"""

_COMPUTE = {
    # Each number of the result depends on one of each operand.
    "element by element": """
        Abs Acos Acosh Add AddN AddV2 Angle ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0 BesselI0e BesselI1
        BesselI1e Betainc Bitcast BitwiseAnd BitwiseOr BitwiseXor Cast Ceil ClipByValue Complex ComplexAbs Conj Cos
        Cosh Digamma Div DivNoNan Elu Equal Erf Erfc Erfinv Exp Expm1 Floor FloorDiv FloorMod Greater GreaterEqual
        Igamma Igammac Imag Inv Invert IsFinite IsInf IsNan LeakyRelu LeftShift Less LessEqual Lgamma Log Log1p
        LogicalAnd LogicalNot LogicalOr Maximum Minimum Mod Mul MulNoNan Ndtri Neg NextAfter NotEqual Polygamma Pow
        Real RealDiv Reciprocal Relu Relu6 RightShift Rint Round Rsqrt Select SelectV2 Selu Sigmoid Sign Sin Sinh
        Softplus Softsign Sqrt Square SquaredDifference Sub Tan Tanh TruncateDiv TruncateMod Xdivy Xlog1py Xlogy Zeta
    """,
    # Sums, counts, orders; products of matrices and their decompositions.
    "along axes": """
        All Any ArgMax ArgMin BatchMatMul BatchMatMulV2 BatchMatMulV3 Bincount Bucketize Cholesky CTCBeamSearchDecoder
        CTCGreedyDecoder Cross Cumprod Cumsum CumulativeLogsumexp DenseBincount Einsum EuclideanNorm FFT FFT2D FFT3D
        HistogramFixedWidth IFFT IFFT2D IFFT3D InTopK InTopKV2 IRFFT IRFFT2D L2Loss LogMatrixDeterminant LogSoftmax
        LowerBound MatMul MatrixBandPart MatrixDeterminant MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3
        MatrixDiagV2 MatrixDiagV3 MatrixInverse MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixSolve
        MatrixTriangularSolve Max Mean Min NthElement Prod Qr RaggedBincount RFFT RFFT2D SegmentMax SegmentMean
        SegmentMin SegmentProd SegmentSum SelfAdjointEigV2 Softmax Sum Svd TopK TopKV2 Unique UniqueV2
        UniqueWithCounts UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum UpperBound
    """,
    "layers of networks": """
        AvgPool AvgPool3D BiasAdd BiasAddV1 Conv Conv2D Conv2DBackpropInput Conv2DBackpropInputV2 Conv3D
        Conv3DBackpropInputV2 DepthwiseConv2dNative Dilation2D FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 LRN
        MaxPool MaxPool3D MaxPoolV2
    """,
    "shapes and places": """
        BatchToSpace BatchToSpaceND BroadcastArgs BroadcastTo Concat ConcatOffset ConcatV2 Const DepthToSpace Diag
        DiagPart DynamicPartition DynamicStitch EnsureShape ExpandDims ExtractImagePatches Fill Gather GatherNd GatherV2
        Identity IdentityN InvertPermutation LinSpace MirrorPad NoOp OneHot OnesLike Pack Pad PadV2
        ParallelDynamicStitch Placeholder PlaceholderWithDefault PreventGradient Range Rank Reshape Reverse
        ReverseSequence ReverseV2 Roll
        ScatterNd Shape ShapeN Size Slice SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Squeeze StopGradient
        StridedSlice TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub TensorScatterUpdate Tile
        Transpose Unpack UnravelIndex Where ZerosLike
    """,
    # Of tensors of pixels; none decodes a file.
    "pictures": """
        AdjustContrastv2 AdjustHue AdjustSaturation CombinedNonMaxSuppression CropAndResize HSVToRGB
        ImageProjectiveTransformV2 ImageProjectiveTransformV3 NonMaxSuppression NonMaxSuppressionV2 NonMaxSuppressionV3
        NonMaxSuppressionV4 NonMaxSuppressionV5 RGBToHSV ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor
        ScaleAndTranslate
    """,
    # From seeds and the process's own generator.
    "random numbers": """
        Multinomial RandomGamma RandomShuffle RandomStandardNormal RandomUniform RandomUniformInt
        StatelessMultinomial StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg
        StatelessRandomNormal StatelessRandomNormalV2 StatelessRandomUniform StatelessRandomUniformInt
        StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormal
        StatelessTruncatedNormalV2 TruncatedNormal
    """,
    "quantization": """
        Dequantize FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel
        QuantizeAndDequantizeV2 QuantizeAndDequantizeV3 QuantizeAndDequantizeV4 QuantizeV2
    """,
    # Memory of the model's own; the saver alone reads it from files.
    "variables": """
        AssignAddVariableOp AssignSubVariableOp AssignVariableOp DisableCopyOnRead ReadVariableOp ResourceGather
        ResourceGatherNd VarHandleOp VarIsInitializedOp VariableShape
    """,
    # They run functions of the same file, which are judged too.
    "control flow": """
        Assert Case If PartitionedCall StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile While
        EmptyTensorList TensorListConcatV2 TensorListElementShape TensorListFromTensor TensorListGather
        TensorListGetItem TensorListLength TensorListPopBack TensorListPushBack TensorListPushBackBatch
        TensorListReserve TensorListResize TensorListScatter TensorListScatterIntoExistingList TensorListScatterV2
        TensorListSetItem TensorListSplit TensorListStack
    """,
    # Regular expressions are RE2's, whose time is linear in the text.
    "strings": """
        AsString ReduceJoin RegexFullMatch RegexReplace SparseCross SparseCrossV2 SparseCrossHashed StaticRegexFullMatch
        StaticRegexReplace StringFormat StringJoin StringLength StringLower StringNGrams StringSplit StringSplitV2
        StringStrip StringToHashBucket StringToHashBucketFast StringToHashBucketStrong StringToNumber StringUpper
        Substr UnicodeDecode UnicodeDecodeWithOffsets UnicodeEncode UnicodeScript UnicodeTranscode UnsortedSegmentJoin
        ShardedFilename
    """,
    # Filled from tensors; the one that is filled from a file is judged by where the file's name comes from.
    "tables": """
        AnonymousHashTable AnonymousMutableHashTable HashTableV2 InitializeTableFromTextFileV2 InitializeTableV2
        LookupTableExportV2 LookupTableFindV2 LookupTableImportV2 LookupTableInsertV2 LookupTableRemoveV2
        LookupTableSizeV2 MutableDenseHashTableV2 MutableHashTableV2
    """,
    "ragged and sparse tensors": """
        DenseCountSparseOutput RaggedCountSparseOutput RaggedCross RaggedGather RaggedRange RaggedTensorFromVariant
        RaggedTensorToSparse RaggedTensorToTensor RaggedTensorToVariant SparseConcat SparseCountSparseOutput
        SparseFillEmptyRows SparseReduceMax SparseReduceSum SparseReorder SparseReshape SparseSegmentMean
        SparseSegmentSqrtN SparseSegmentSum SparseSlice SparseSoftmax SparseSplit SparseTensorDenseMatMul SparseToDense
    """,
    "tensorflow-text": """
        CaseFoldUTF8 FastBertNormalize FastWordpieceTokenizeWithOffsets NormalizeUTF8 RegexSplitWithOffsets
        UnicodeScriptTokenizeWithOffsets WhitespaceTokenizeWithOffsets
        WordpieceTokenizeWithOffsets
    """,
}
COMPUTE = frozenset(name for names in _COMPUTE.values() for name in names.split())
TEXT_PACKAGE = frozenset(_COMPUTE["tensorflow-text"].split())
# They take the names of files as tensors: the functions of the saver alone may hold them, and nothing may call those.
SAVER = frozenset(["SaveV2", "RestoreV2", "MergeV2Checkpoints"])
TABLE_FROM_FILE = "InitializeTableFromTextFileV2"
